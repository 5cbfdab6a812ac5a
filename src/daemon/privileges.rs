//! Step 6: gives up privileges that are no longer needed, and verifies that they are gone.

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
use std::path::Path;

/// "Leave this id as it is" in setresuid(2) and setresgid(2).
const UNCHANGED: u32 = u32::MAX;

/// The user and group that the daemon runs as, looked up but not yet in effect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Privileges {
    user: Option<UserIds>,
    group: Option<Gid>,
    /// The supplementary groups, looked up outside any chroot: files inside must not decide this.
    groups: Vec<Gid>,
    effective_only: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct UserIds {
    uid: Uid,
    /// `None` for a number that has no passwd entry, or was not looked up.
    name: Option<CString>,
}

/// A user or group that can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// No such user.
    #[error("there is no user named {0:?} on this machine{advice}", advice = without("/etc/passwd"))]
    NoUser(String),
    /// No such group.
    #[error("there is no group named {0:?} on this machine{advice}", advice = without("/etc/group"))]
    NoGroup(String),
    /// A number without a passwd entry, so its group is unknown.
    #[error(
        "the user id {0} has no entry in the passwd database; set the group as well, with --gid"
    )]
    NoGroupOfUser(u32),
    /// `--euid` alone.
    #[error("--euid has no effect without --uid or --gid; set one of them as well")]
    NothingToSwitch,
    /// The user database can't be read.
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
        /// The system call that failed.
        call: &'static str,
        /// Its error.
        source: io::Error,
    },
    /// The system calls succeeded, but the old privileges are still there.
    #[error(
        "after becoming {whom} the process still has {what}; this system can't drop privileges"
    )]
    StillThere {
        /// The user and group.
        whom: String,
        /// What should be gone.
        what: &'static str,
    },
}

/// What to do where no name is known at all, as in a container with nothing else.
fn without(database: &str) -> String {
    if Path::new(database).exists() {
        return String::new();
    }
    format!(", which has no {database}: set a number")
}

fn advice(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        " (only root may change user or group)"
    } else {
        ""
    }
}

impl Privileges {
    /// Looks up a user and a group, by name or number. If both are numbers, nothing is looked up, and the process
    /// gets no group but that one.
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

    /// The owner of the files that the daemon will write. `None`: the user and group stay as they are.
    pub(super) fn owner(&self) -> Option<(u32, u32)> {
        let gid = self.group?;
        let uid = self.user.as_ref().map_or(geteuid(), |user| user.uid);
        Some((uid.as_raw(), gid.as_raw()))
    }

    /// Becomes the user and group for good, or with `effective_only` in a way that can be undone. Gives up what
    /// the process has inherited beyond that: other groups and, unless the user is root, capabilities.
    ///
    /// # Errors
    /// If the system refuses, or reports a success that is none.
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
            // Going back makes the permitted ones effective again.
            let permitted = if self.effective_only { u64::MAX } else { 0 };
            let kept = capabilities::keep_no_more_than(permitted);
            kept.map_err(|e| self.refused("capset", e))?;
        }
        self.prove(bounding_set_emptied)
    }

    fn enter_groups(&self, gid: Gid) -> Result<(), PrivilegeError> {
        match setgroups(&self.groups) {
            // A process that may not change its groups needn't, if they are right.
            Err(Errno::EPERM) if self.has_its_groups() => {}
            set => set.map_err(|e| self.refused("setgroups", e))?,
        }
        let kept = Gid::from_raw(self.kept_or(gid.as_raw()));
        setresgid(kept, gid, kept).map_err(|e| self.refused("setresgid", e))
    }

    /// The real and the saved id that belong to an effective one.
    fn kept_or(&self, id: u32) -> u32 {
        if self.effective_only { UNCHANGED } else { id }
    }

    /// Whether the user will be another one than root, and so have no capabilities.
    fn leaves_root(&self) -> bool {
        self.user.as_ref().is_some_and(|user| !user.uid.is_root())
    }

    /// Whether the process, with its new group, already has all groups of its user and no others.
    fn has_its_groups(&self) -> bool {
        let wanted: HashSet<Gid> = self.groups.iter().copied().collect();
        let has = |groups: Vec<Gid>| groups.into_iter().chain(self.group).collect::<HashSet<Gid>>();
        getgroups().is_ok_and(|groups| has(groups) == wanted)
    }

    /// Verifies everything: ids, groups and capabilities must be those requested, and going back must fail.
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

/// An entry of the passwd or group database. Without a database, there is no entry.
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

/// All groups of a user, including the user's own. Without a user, or for one without a name: just the group.
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

/// The number that means "unchanged" is not a valid id.
fn parse_id(name: &str) -> Option<u32> {
    name.parse().ok().filter(|id| *id != UNCHANGED)
}
