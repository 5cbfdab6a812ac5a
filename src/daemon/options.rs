//! The options of the runner. This is the only place that describes them.
//!
//! The help, the command line, the tables `[daemon]` and `[log]` of application files, and the tables of the
//! documentation are made from the list below. What an option does is in `settings.rs`.

use super::option::{Asked, Described, OptionInfo, daemon, log, options};
use crate::logging::{Facility, Format, Period};
use crate::value::value_type::{
    flag, integer, name_or_id, octal, one_of, path, path_or_none, seconds, size_from, word,
};
use std::any::Any;
use std::ops::RangeInclusive;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::Level;

/// How long services may take to stop, by default.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest number of workers. A larger one is probably a typing error.
const MAX_WORKERS: u16 = 1024;

/// The descriptors that `--ready-fd` accepts. Smaller numbers are those of the standard streams.
const READY_FDS: RangeInclusive<RawFd> = 3..=RawFd::MAX;

/// The smallest `rotate-at`. A smaller log file would be rotated all the time.
const SMALLEST_LOG: u64 = 1024;

/// The levels of events.
const LEVELS: &[(&str, Level)] = &[
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

options! {
    /// How a daemon runs. Options that are not set are `None`. The fields are named after the long options.
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct Options;

    /// Stay in the foreground and log to standard output
    nodaemon: bool = daemon("nodaemon", flag()).short('n'),

    /// Log to FILE; '-' is standard output
    logfile: PathBuf = daemon("logfile", path("FILE")).short('l').about_log()
        .default("NAME.log in the rundir, or '-' in the foreground"),

    /// Log to syslog
    syslog: bool = daemon("syslog", flag()).about_log(),

    /// The name shown in syslog
    prefix: String = daemon("prefix", word("NAME")).about_log(),

    /// The syslog facility
    facility: Facility = daemon("facility", one_of("FACILITY", &Facility::NAMES)).about_log()
        .default("daemon"),

    /// The pid file; '' means none
    pidfile: PathBuf = daemon("pidfile", path_or_none("FILE")).default("NAME.pid in the rundir"),

    /// The control socket; '' means none
    control: PathBuf = daemon("control", path_or_none("FILE"))
        .default("the pid file's name with .sock, or none without a pid file"),

    /// Run in DIR
    rundir: PathBuf = daemon("rundir", path("DIR")).short('d').default("the current directory"),

    /// Make DIR the root directory; all other paths are then inside it
    chroot: PathBuf = daemon("chroot", path("DIR")),

    /// Become this user for good, once the listening sockets are open
    uid: String = daemon("uid", name_or_id("USER|ID")).short('u'),

    /// Become this group
    gid: String = daemon("gid", name_or_id("GROUP|ID")).short('g'),

    /// Change only the effective user and group, so that the process can go back
    euid: bool = daemon("euid", flag()),

    /// Permission bits that new files don't get
    umask: u32 = daemon("umask", octal()).default("077, or unchanged in the foreground"),

    /// How many threads serve clients
    workers: u16 = daemon("workers", integer(1..=MAX_WORKERS))
        .default("one per core that the process may run on"),

    /// How long connections may take to finish when the daemon stops
    stop_timeout: Duration = daemon("stop-timeout", seconds()).default("30").at_reload(),

    /// Write a newline to this descriptor when all services have started, and close it
    ready_fd: RawFd = daemon("ready-fd", integer(READY_FDS)),

    /// The least important level that is logged
    log_level: Level = log("level", one_of("LEVEL", LEVELS)).long("log-level").default("info"),

    /// The format of log lines
    log_format: Format = log("format", one_of("FORMAT", Format::NAMES)).long("log-format")
        .default("text"),

    /// The size at which the log file is rotated, in bytes or with a unit
    rotate_at: u64 = log("rotate-at", size_from(SMALLEST_LOG)).default("1MB"),

    /// The period after which the log file is rotated, whatever its size
    rotate_every: Period = log("rotate-every", one_of("PERIOD", Period::NAMES)),

    /// The permissions of the log file
    log_mode: u32 = log("mode", octal()).default("those that it has"),

    /// How many rotated log files are kept
    keep: usize = log("keep", integer(1..=10_000)).default("10"),
}

/// The list of all options.
struct Listing(Vec<OptionInfo>);

impl Asked for Listing {
    fn ask<T>(&mut self, option: Described<T>) -> Option<T> {
        self.0.push(option.info);
        None
    }
}

impl Options {
    /// The descriptions of all options, in the order of the help.
    pub fn all() -> Vec<OptionInfo> {
        let mut all = Listing(Vec::new());
        Options::ask(&mut all);
        all.0
    }

    /// Makes relative file names in these options relative to `directory`, where the command line was typed,
    /// instead of to the rundir. If there is a chroot, all file names except its own stay relative to the new
    /// root.
    pub fn typed_in(mut self, directory: impl Into<PathBuf>) -> Options {
        self.typed_in = Some(directory.into());
        self
    }

    /// These options. Those that are not set here are taken from `others`.
    pub fn or(self, others: Options) -> Options {
        let inside_root = self.chroot.is_some() || others.chroot.is_some();
        self.with_whole_names(inside_root).fill(others.with_whole_names(inside_root))
    }

    fn fill(self, mut others: Options) -> Options {
        // Two options decide where the log goes, but it is one choice.
        if self.logfile.is_some() || self.syslog.is_some() {
            (others.logfile, others.syslog) = (None, None);
        }
        self.or_each(others)
    }

    /// A directory of this process, unless there will be a chroot: then file names are names inside it, and can't
    /// be reached now.
    pub(crate) fn unless_chroot<T>(&self, directory: Option<T>) -> Option<T> {
        directory.filter(|_| self.chroot.is_none())
    }

    /// Whether these options make the daemon another user or group than others do.
    pub(super) fn differs_in_identity(&self, others: &Options) -> bool {
        let identity = |options: &Options| (options.uid.clone(), options.gid.clone(), options.euid);
        identity(self) != identity(others)
    }

    /// Leaves out the user and the group, so that nothing has to be looked up.
    pub(super) fn forget_identity(&mut self) {
        (self.uid, self.gid, self.euid) = (None, None, None);
    }

    pub(super) fn with_whole_names(mut self, inside_root: bool) -> Options {
        let Some(directory) = self.typed_in.take() else { return self };
        for (option, name) in self.file_names() {
            let is_name = !name.as_os_str().is_empty() && name != Path::new("-");
            if is_name && (!inside_root || option == "chroot") {
                *name = directory.join(&name);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests;
