//! The `[daemon]` and `[log]` tables of an application file.

use crate::config::{Section, Value, read};
use crate::daemon::{IdentityError, MAX_WORKERS, Options, Privileges, READY_FDS};
use crate::logging::{Facility, Format, Period};
use std::path::PathBuf;
use tracing::Level;

const LEVELS: &[(&str, Level)] = &[
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

const PERIODS: &[(&str, Period)] =
    &[("day", Period::Day), ("week", Period::Week), ("month", Period::Month)];

const FORMATS: &[(&str, Format)] = &[("text", Format::Text), ("json", Format::Json)];

/// Reads both tables. Names of users and groups are looked up, so that a wrong one is found at its place.
pub(super) fn read(top: &mut Section<'_>) -> Options {
    let mut options = top.table("daemon", read_daemon).unwrap_or_default();
    top.table("log", |log| {
        options.log_level = log.optional("level", read::one_of(LEVELS));
        options.log_format = log.optional("format", read::one_of(FORMATS));
        options.rotate_at = log.optional("rotate-at", rotation_size);
        options.rotate_every = log.optional("rotate-every", read::one_of(PERIODS));
        options.log_mode = log.optional("mode", read::octal);
        options.keep = log.optional("keep", read::integer(1..=10_000));
    });
    options
}

fn read_daemon(daemon: &mut Section<'_>) -> Options {
    let options = Options {
        nodaemon: daemon.optional("nodaemon", read::boolean),
        logfile: daemon.optional("logfile", read::path),
        syslog: daemon.optional("syslog", read::boolean),
        prefix: daemon.optional("prefix", read::word),
        facility: daemon.optional("facility", read::one_of(&Facility::NAMES)),
        pidfile: daemon.optional("pidfile", path_or_none),
        rundir: daemon.optional("rundir", read::path),
        chroot: daemon.optional("chroot", read::path),
        uid: daemon.optional("uid", name_or_id),
        gid: daemon.optional("gid", name_or_id),
        euid: daemon.optional("euid", read::boolean),
        umask: daemon.optional("umask", read::octal),
        workers: daemon.optional("workers", read::integer(1..=MAX_WORKERS)),
        stop_timeout: daemon.optional("stop-timeout", read::seconds),
        ready_fd: daemon.optional("ready-fd", read::integer(READY_FDS)),
        ..Options::default()
    };
    if let (Some(_), Some(true)) = (&options.logfile, options.syslog) {
        daemon.mistake("syslog", "syslog: there is a logfile already; choose one of the two");
    }
    check_identity(daemon, &options);
    options
}

/// Looks the user and the group up, together as the daemon will: for two numbers, nothing is looked up. If that fails,
/// each is looked up alone to find out which of them is wrong.
fn check_identity(daemon: &mut Section<'_>, options: &Options) {
    let (uid, gid) = (options.uid.as_deref(), options.gid.as_deref());
    let Err(together) = Privileges::resolve(uid, gid, false) else { return };
    let wrong_gid = Privileges::resolve(None, gid, false).err();
    let wrong_uid = Privileges::resolve(uid, None, false).err();
    let nothing_wrong_alone = wrong_gid.is_none() && wrong_uid.is_none();
    if let Some(e) = wrong_gid {
        daemon.mistake("gid", format!("gid: {e}"));
    }
    match wrong_uid.or(Some(together).filter(|_| nothing_wrong_alone)) {
        None | Some(IdentityError::NoGroupOfUser(_)) => {} // the command line may say which group
        Some(e) => daemon.mistake("uid", format!("uid: {e}")),
    }
}

/// A file name; an empty one says that there is to be no file.
fn path_or_none(value: &Value<'_>) -> Result<PathBuf, String> {
    if value.as_str() == Some("") { Ok(PathBuf::new()) } else { read::path(value) }
}

fn name_or_id(value: &Value<'_>) -> Result<String, String> {
    match (value.as_str(), value.as_integer()) {
        (Some(name), _) if !name.is_empty() => Ok(name.into()),
        (None, Some(id)) if (0..i64::from(u32::MAX)).contains(&id) => Ok(id.to_string()),
        _ => Err("expected a name, or a number from 0 to 4294967294".into()),
    }
}

/// Below this, a log would be all rotation.
const SMALLEST_LOG: u64 = 1024;

fn rotation_size(value: &Value<'_>) -> Result<u64, String> {
    let size = read::size(value)?;
    if size >= SMALLEST_LOG {
        Ok(size)
    } else {
        Err(format!("expected at least {SMALLEST_LOG} bytes"))
    }
}
