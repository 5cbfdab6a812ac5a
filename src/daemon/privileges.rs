//! Step 6: giving up what is not needed any more, and proving that it is gone.

use super::capabilities::{self, Capabilities};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{
    Gid, Group, Uid, User, geteuid, getgrouplist, getgroups, getresgid, getresuid, setgroups,
    setresgid, setresuid,
};
use std::collections::HashSet;
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
    /// Absent for a number that no passwd entry has, or that was not looked up.
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
        "after becoming {whom} the process still has {what}; this system does not drop privileges"
    )]
    StillThere {
        /// The user and group.
        whom: String,
        /// What should be gone.
        what: &'static str,
    },
}

fn advice(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        " (only root may change user or group)"
    } else {
        ""
    }
}

impl Privileges {
    /// Looks up a user and a group, by name or number. Two numbers are taken as they are, and with no other
    /// group than that: for them nothing is looked up.
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
        if let (Some(uid), Some(gid)) = (uid.and_then(parse_id), gid.and_then(parse_id)) {
            let user = UserIds { uid: Uid::from_raw(uid), name: None };
            let group = Gid::from_raw(gid);
            return Ok(Self {
                user: Some(user),
                group: Some(group),
                groups: vec![group],
                effective_only,
            });
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

    /// Enters the user and group for good, or with `effective_only` for the time being. What whoever started
    /// the process has left in it is given up: other groups, and unless the user is root, capabilities.
    ///
    /// # Errors
    /// If the system refuses, or does not do what it says.
    pub(super) fn drop_to(&self) -> Result<(), PrivilegeError> {
        if !self.effective_only {
            prctl::set_no_new_privs().map_err(|e| self.refused("no_new_privs", e))?;
        }
        let Some(gid) = self.group else { return Ok(()) };
        let mut bounding_set_emptied = false;
        if self.leaves_root() && !self.effective_only {
            let emptied = capabilities::empty_bounding_set();
            bounding_set_emptied = emptied.map_err(|e| self.refused("PR_CAPBSET_DROP", e))?;
        }
        self.enter_groups(gid)?;
        if let Some(user) = &self.user {
            let (u, kept) = (user.uid, Uid::from_raw(self.kept_or(user.uid.as_raw())));
            setresuid(kept, u, kept).map_err(|e| self.refused("setresuid", e))?;
        }
        if self.leaves_root() {
            // Coming back makes the permitted ones effective again.
            let permitted = if self.effective_only { u64::MAX } else { 0 };
            let kept = capabilities::keep_no_more_than(permitted);
            kept.map_err(|e| self.refused("capset", e))?;
        }
        self.prove(bounding_set_emptied)
    }

    fn enter_groups(&self, gid: Gid) -> Result<(), PrivilegeError> {
        match setgroups(&self.groups) {
            // Who may not change them needn't, if they are right.
            Err(Errno::EPERM) if self.has_its_groups() => {}
            set => set.map_err(|e| self.refused("setgroups", e))?,
        }
        let kept = Gid::from_raw(self.kept_or(gid.as_raw()));
        setresgid(kept, gid, kept).map_err(|e| self.refused("setresgid", e))
    }

    /// The real and the saved id that go with an effective one.
    fn kept_or(&self, id: u32) -> u32 {
        if self.effective_only { UNCHANGED } else { id }
    }

    /// Whether the user is to be another than root, and so to have no capabilities.
    fn leaves_root(&self) -> bool {
        self.user.as_ref().is_some_and(|user| !user.uid.is_root())
    }

    /// Whether the process, once it is in its group, has all groups of its user and no others.
    fn has_its_groups(&self) -> bool {
        let wanted: HashSet<Gid> = self.groups.iter().copied().collect();
        let has = |groups: Vec<Gid>| groups.into_iter().chain(self.group).collect::<HashSet<Gid>>();
        getgroups().is_ok_and(|groups| has(groups) == wanted)
    }

    /// Believes nothing: ids, groups and capabilities must be those asked for, and going back must fail.
    fn prove(&self, bounding_set_emptied: bool) -> Result<(), PrivilegeError> {
        let remains = |what| PrivilegeError::StillThere { whom: self.to_string(), what };
        if !self.has_its_ids() {
            return Err(remains("other ids"));
        }
        if !self.has_its_groups() {
            return Err(remains("other groups"));
        }
        if !self.effective_only && !prctl::get_no_new_privs().is_ok_and(|set| set) {
            return Err(remains("a way to gain privileges, since no_new_privs is not set"));
        }
        if !self.leaves_root() {
            return Ok(());
        }
        let all = Capabilities::current().map_err(|e| self.refused("capget", e))?;
        let permitted = if self.effective_only { 0 } else { all.permitted };
        let bounding = if bounding_set_emptied { all.bounding } else { 0 };
        if permitted | all.effective | all.inheritable | all.ambient | bounding != 0 {
            return Err(remains("capabilities"));
        }
        let root = Uid::from_raw(0);
        if !self.effective_only && setresuid(root, root, root).is_ok() {
            return Err(remains("the right to become root"));
        }
        Ok(())
    }

    fn has_its_ids(&self) -> bool {
        let (Ok(uids), Ok(gids)) = (getresuid(), getresgid()) else { return false };
        let is_user = |id| self.user.as_ref().is_none_or(|user| user.uid == id);
        let is_group = |id| self.group.is_none_or(|group| group == id);
        let kept_too = self.effective_only
            || [uids.real, uids.saved].into_iter().all(is_user)
                && [gids.real, gids.saved].into_iter().all(is_group);
        is_user(uids.effective) && is_group(gids.effective) && kept_too
    }

    fn refused(&self, call: &'static str, source: impl Into<io::Error>) -> PrivilegeError {
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
    let number = parse_id(name).map(Uid::from_raw);
    let entry = number.map_or_else(|| User::from_name(name), User::from_uid);
    let entry = found(name, entry)?;
    match (entry, number) {
        (Some(user), _) => {
            let ids = UserIds { uid: user.uid, name: CString::new(user.name).ok() };
            Ok((ids, Some(user.gid)))
        }
        (None, Some(uid)) => Ok((UserIds { uid, name: None }, None)),
        (None, None) => Err(IdentityError::NoUser(name.into())),
    }
}

/// An entry of the passwd or group database. Where there is no database, there is no entry.
fn found<T>(name: &str, looked_up: nix::Result<Option<T>>) -> Result<Option<T>, IdentityError> {
    match looked_up {
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        Err(e) => Err(IdentityError::LookUp { name: name.into(), source: e.into() }),
        Ok(entry) => Ok(entry),
    }
}

fn find_group(name: &str) -> Result<Gid, IdentityError> {
    if let Some(number) = parse_id(name) {
        return Ok(Gid::from_raw(number));
    }
    let entry = found(name, Group::from_name(name))?;
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
