//! Step 6: giving up what is not needed any more, and proving that it is gone.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{
    Gid, Group, Uid, User, geteuid, getgrouplist, getresgid, getresuid, setgroups, setresgid,
    setresuid,
};
use std::ffi::CString;
use std::io;

/// "Leave this id as it is" in setresuid(2) and setresgid(2).
const UNCHANGED: u32 = u32::MAX;

/// Which user and group the daemon runs as, looked up but not yet entered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Privileges {
    user: Option<UserIds>,
    group: Option<Gid>,
    /// The supplementary groups, looked up outside any chroot: what a file inside says is not to decide.
    groups: Vec<Gid>,
    effective_only: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct UserIds {
    uid: Uid,
    /// Absent for a number that no passwd entry has.
    name: Option<CString>,
}

/// A user or group that can't be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// No such user.
    #[error("there is no user called {0:?} on this machine")]
    NoUser(String),
    /// No such group.
    #[error("there is no group called {0:?} on this machine")]
    NoGroup(String),
    /// A number without a passwd entry, and thus without a group.
    #[error("the user id {0} has no entry in the passwd database; say the group too, with --gid")]
    NoGroupOfUser(u32),
    /// `--euid` alone.
    #[error("--euid says how --uid or --gid is meant; give one of them too")]
    NothingToSwitch,
    /// The database of users can't be asked.
    #[error("can't look up {name:?}: {source}")]
    LookUp {
        /// What was looked up.
        name: String,
        /// Why not.
        source: io::Error,
    },
}

/// Why privileges could not be dropped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivilegeError {
    /// The system refused.
    #[error("can't become {whom}: {call}: {source}{advice}", advice = advice(.source))]
    Refused {
        /// The user and group.
        whom: String,
        /// What was tried.
        call: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It seemed to work, but the old privileges were still there.
    #[error(
        "after becoming {0} the process could still go back; this system does not drop privileges"
    )]
    StillThere(String),
}

fn advice(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        " (only root may change user or group)"
    } else {
        ""
    }
}

impl Privileges {
    /// Looks up a user and a group, by name or number.
    ///
    /// # Errors
    /// If there is no such user or group.
    pub fn resolve(
        uid: Option<&str>,
        gid: Option<&str>,
        effective_only: bool,
    ) -> Result<Self, IdentityError> {
        if effective_only && uid.is_none() && gid.is_none() {
            return Err(IdentityError::NothingToSwitch);
        }
        let mut group = gid.map(find_group).transpose()?;
        let mut user = None;
        if let Some(uid) = uid {
            let (ids, primary_group) = find_user(uid)?;
            group = group.or(primary_group);
            if group.is_none() {
                return Err(IdentityError::NoGroupOfUser(ids.uid.as_raw()));
            }
            user = Some(ids);
        }
        let groups = supplementary_groups(user.as_ref(), group)?;
        Ok(Self { user, group, groups, effective_only })
    }

    /// Whose the files are that the daemon will write. `None`: no change of user or group.
    pub(super) fn owner(&self) -> Option<(u32, u32)> {
        let gid = self.group?;
        let uid = self.user.as_ref().map_or(geteuid(), |user| user.uid);
        Some((uid.as_raw(), gid.as_raw()))
    }

    /// Enters the user and group for good, or with `effective_only` for the time being.
    ///
    /// # Errors
    /// If the system refuses, or does not do what it says.
    pub(super) fn drop_to(&self) -> Result<(), PrivilegeError> {
        if !self.effective_only {
            prctl::set_no_new_privs().map_err(|e| self.refused("no_new_privs", e))?;
        }
        let Some(gid) = self.group else { return Ok(()) };
        if self.is_reached() {
            return Ok(());
        }
        // Root's groups would otherwise stay with the daemon.
        setgroups(&self.groups).map_err(|e| self.refused("setgroups", e))?;
        let keep = |id: u32| if self.effective_only { UNCHANGED } else { id };
        let (g, kept) = (gid, Gid::from_raw(keep(gid.as_raw())));
        setresgid(kept, g, kept).map_err(|e| self.refused("setresgid", e))?;
        if let Some(user) = &self.user {
            let (u, kept) = (user.uid, Uid::from_raw(keep(user.uid.as_raw())));
            setresuid(kept, u, kept).map_err(|e| self.refused("setresuid", e))?;
        }
        self.prove()
    }

    /// Whether a user other than root is, in all three ids, who it is meant to be.
    fn is_reached(&self) -> bool {
        let (Ok(uids), Ok(gids)) = (getresuid(), getresgid()) else { return false };
        let user = self.user.as_ref().map_or(uids.effective, |user| user.uid);
        let all_uids = [uids.real, uids.effective, uids.saved] == [user; 3];
        let all_gids =
            self.group.is_some_and(|g| [gids.real, gids.effective, gids.saved] == [g; 3]);
        !user.is_root() && all_uids && all_gids
    }

    /// Believes nothing: the ids must be those asked for, and going back must fail.
    fn prove(&self) -> Result<(), PrivilegeError> {
        let (uids, gids) = (getresuid(), getresgid());
        let user = self.user.as_ref().map(|user| user.uid);
        let is_user = |id| user.is_none_or(|user| user == id);
        let is_group = |id| self.group.is_none_or(|group| group == id);
        let entered = if self.effective_only {
            uids.is_ok_and(|ids| is_user(ids.effective))
                && gids.is_ok_and(|ids| is_group(ids.effective))
        } else {
            uids.is_ok_and(|ids| [ids.real, ids.effective, ids.saved].into_iter().all(is_user))
                && gids
                    .is_ok_and(|ids| [ids.real, ids.effective, ids.saved].into_iter().all(is_group))
        };
        let for_good = !self.effective_only && user.is_some_and(|user| !user.is_root());
        let root = Uid::from_raw(0);
        if !entered || (for_good && setresuid(root, root, root).is_ok()) {
            return Err(PrivilegeError::StillThere(self.to_string()));
        }
        Ok(())
    }

    fn refused(&self, call: &'static str, source: Errno) -> PrivilegeError {
        PrivilegeError::Refused { whom: self.to_string(), call, source: source.into() }
    }
}

impl std::fmt::Display for Privileges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.user, self.group) {
            (Some(UserIds { uid, name: Some(name) }), Some(gid)) => {
                write!(f, "user {} (uid {uid}, gid {gid})", name.to_string_lossy())
            }
            (Some(UserIds { uid, .. }), Some(gid)) => write!(f, "uid {uid}, gid {gid}"),
            (None, Some(gid)) => write!(f, "gid {gid}"),
            _ => write!(f, "the same user"),
        }
    }
}

/// The ids of a user, and the user's own group.
fn find_user(name: &str) -> Result<(UserIds, Option<Gid>), IdentityError> {
    let look_up = |e: Errno| IdentityError::LookUp { name: name.into(), source: e.into() };
    let number = parse_id(name).map(Uid::from_raw);
    let entry = match number {
        Some(uid) => User::from_uid(uid).map_err(look_up)?,
        None => User::from_name(name).map_err(look_up)?,
    };
    match (entry, number) {
        (Some(user), _) => {
            let ids = UserIds { uid: user.uid, name: CString::new(user.name).ok() };
            Ok((ids, Some(user.gid)))
        }
        (None, Some(uid)) => Ok((UserIds { uid, name: None }, None)),
        (None, None) => Err(IdentityError::NoUser(name.into())),
    }
}

fn find_group(name: &str) -> Result<Gid, IdentityError> {
    if let Some(number) = parse_id(name) {
        return Ok(Gid::from_raw(number));
    }
    let entry = Group::from_name(name);
    let entry = entry.map_err(|e| IdentityError::LookUp { name: name.into(), source: e.into() })?;
    entry.map(|group| group.gid).ok_or_else(|| IdentityError::NoGroup(name.into()))
}

/// All groups of a user, its own included; for a user without a name, or no user, just the group.
fn supplementary_groups(
    user: Option<&UserIds>,
    group: Option<Gid>,
) -> Result<Vec<Gid>, IdentityError> {
    match (user.and_then(|user| user.name.as_ref()), group) {
        (Some(name), Some(gid)) => getgrouplist(name, gid).map_err(|e| IdentityError::LookUp {
            name: name.to_string_lossy().into_owned(),
            source: e.into(),
        }),
        _ => Ok(group.into_iter().collect()),
    }
}

/// The number that means "unchanged" is nobody's.
fn parse_id(name: &str) -> Option<u32> {
    name.parse().ok().filter(|id| *id != UNCHANGED)
}
