//! What can be said about how a daemon runs, and what is assumed where nothing is said.

use super::place::Place;
use super::privileges::{IdentityError, Privileges};
use crate::logging::{Facility, Format, LogOptions, Period, Rotation, Target};
use std::ops::RangeInclusive;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tracing::Level;

/// How long services have for stopping, unless said otherwise.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// The umask of a daemon, as twistd sets it: what it writes is nobody else's business.
const DAEMON_UMASK: u32 = 0o077;

/// The most workers that may be asked for: more than this is a slip of the finger.
pub(crate) const MAX_WORKERS: u16 = 1024;

/// The numbers that a descriptor to be ready on can have: those below are the standard streams'.
pub(crate) const READY_FDS: RangeInclusive<RawFd> = 3..=RawFd::MAX;

/// How a daemon is to run, as far as somebody has said so. The fields have the names of poetryd's long
/// options; `None` is "not said".
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// See [`typed_in`](Self::typed_in).
    pub(crate) typed_in: Option<PathBuf>,
    /// Stay in the foreground, and log to standard output.
    pub nodaemon: Option<bool>,
    /// Where to log; `-` is standard output.
    pub logfile: Option<PathBuf>,
    /// Log to syslog.
    pub syslog: Option<bool>,
    /// The name in syslog.
    pub prefix: Option<String>,
    /// The facility in syslog.
    pub facility: Option<Facility>,
    /// The pid file; an empty name is none.
    pub pidfile: Option<PathBuf>,
    /// The directory to run in.
    pub rundir: Option<PathBuf>,
    /// The directory to make the root of all file names.
    pub chroot: Option<PathBuf>,
    /// The user to run as, by name or number.
    pub uid: Option<String>,
    /// The group to run as, by name or number.
    pub gid: Option<String>,
    /// Change the effective user and group only, so that the process can go back.
    pub euid: Option<bool>,
    /// The permission bits that files are created without.
    pub umask: Option<u32>,
    /// How many threads serve.
    pub workers: Option<u16>,
    /// How long services have for stopping.
    pub stop_timeout: Option<Duration>,
    /// The number of a descriptor that was left open for the process: a newline is written to it when every
    /// service has started, and then it is closed.
    pub ready_fd: Option<RawFd>,
    /// The least important level that is logged.
    pub log_level: Option<Level>,
    /// Text or JSON.
    pub log_format: Option<Format>,
    /// The size at which the log file is rotated, in bytes.
    pub rotate_at: Option<u64>,
    /// How many rotated log files are kept.
    pub keep: Option<usize>,
    /// The period after which the log file is rotated, whatever its size.
    pub rotate_every: Option<Period>,
    /// The permissions of the log file.
    pub log_mode: Option<u32>,
}

/// Options that can't be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// A daemon has no standard output.
    #[error("a daemon has no standard output to log to; give --nodaemon too, or another --logfile")]
    StdoutOfDaemon,
    /// Process 1 is to detach.
    #[error(
        "process 1 of a container can't detach: the container would end with it; give --nodaemon"
    )]
    FirstProcess,
    /// Two places for one log.
    #[error("--logfile and --syslog are two places for one log; choose one")]
    TwoLogs,
    /// The log would overwrite the pid, and go with it.
    #[error("the pid file and the log file are both {}; choose another name for one", .0.display())]
    OneFile(PathBuf),
    /// There is nobody to tell.
    #[error(
        "--ready-fd {0}: descriptor {0} is not open; whoever starts the program leaves it open for it"
    )]
    NoReadyDescriptor(RawFd),
    /// The program keeps its log itself.
    #[error("{0} has no effect here: this program keeps its log itself; leave it out")]
    OwnLog(&'static str),
    /// A wrong user or group.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl Options {
    /// Says that relative file names in these options are relative to `directory`, where the command line was
    /// typed, rather than to the rundir. When there will be a chroot, all but its own are names inside it
    /// nevertheless.
    pub fn typed_in(mut self, directory: impl Into<PathBuf>) -> Options {
        self.typed_in = Some(directory.into());
        self
    }

    /// These options, and those of `others` where nothing is said here.
    pub fn or(self, others: Options) -> Options {
        let inside_root = self.chroot.is_some() || others.chroot.is_some();
        self.with_whole_names(inside_root).fill(others.with_whole_names(inside_root))
    }

    fn fill(self, others: Options) -> Options {
        // Where the log goes is one choice, though three options make it.
        let log = if self.logfile.is_some() || self.syslog.is_some() { &self } else { &others };
        Options {
            typed_in: None,
            logfile: log.logfile.clone(),
            syslog: log.syslog,
            nodaemon: self.nodaemon.or(others.nodaemon),
            prefix: self.prefix.or(others.prefix),
            facility: self.facility.or(others.facility),
            pidfile: self.pidfile.or(others.pidfile),
            rundir: self.rundir.or(others.rundir),
            chroot: self.chroot.or(others.chroot),
            uid: self.uid.or(others.uid),
            gid: self.gid.or(others.gid),
            euid: self.euid.or(others.euid),
            umask: self.umask.or(others.umask),
            workers: self.workers.or(others.workers),
            stop_timeout: self.stop_timeout.or(others.stop_timeout),
            ready_fd: self.ready_fd.or(others.ready_fd),
            log_level: self.log_level.or(others.log_level),
            log_format: self.log_format.or(others.log_format),
            rotate_at: self.rotate_at.or(others.rotate_at),
            keep: self.keep.or(others.keep),
            rotate_every: self.rotate_every.or(others.rotate_every),
            log_mode: self.log_mode.or(others.log_mode),
        }
    }

    /// A directory of this process's, unless there will be a chroot: then file names are names inside it, and
    /// are not relative to anything that can be reached now.
    pub(crate) fn unless_chroot<T>(&self, directory: Option<T>) -> Option<T> {
        directory.filter(|_| self.chroot.is_none())
    }

    fn with_whole_names(mut self, inside_root: bool) -> Options {
        let Some(directory) = self.typed_in.take() else { return self };
        let names = [&mut self.logfile, &mut self.pidfile, &mut self.rundir];
        let names = names.into_iter().filter(|_| !inside_root).chain([&mut self.chroot]);
        for name in
            names.flatten().filter(|name| !name.as_os_str().is_empty() && *name != Path::new("-"))
        {
            *name = directory.join(&name);
        }
        self
    }

    /// Fills in what was not said, for a program called `program`, and checks the whole.
    ///
    /// # Errors
    /// If options contradict each other, or name a user or group that does not exist.
    pub fn check(self, program: &str) -> Result<Settings, OptionError> {
        let inside_root = self.chroot.is_some();
        self.with_whole_names(inside_root).decide(program)
    }

    /// [`check`](Self::check), for a program that may keep its log itself.
    pub(super) fn decide_for(self, program: &str, own_log: bool) -> Result<Settings, OptionError> {
        if let Some(option) = self.log_option().filter(|_| own_log) {
            return Err(OptionError::OwnLog(option));
        }
        let mut settings = self.check(program)?;
        if own_log {
            settings.log.target = Target::Program;
        }
        Ok(settings)
    }

    /// An option about the log that somebody has given.
    fn log_option(&self) -> Option<&'static str> {
        let given = [
            (self.logfile.is_some(), "--logfile"),
            (self.syslog.is_some(), "--syslog"),
            (self.prefix.is_some(), "--prefix"),
            (self.facility.is_some(), "--facility"),
            (self.log_level.is_some(), "--log-level"),
            (self.log_format.is_some(), "--log-format"),
            (self.rotate_at.is_some(), "rotate-at"),
            (self.rotate_every.is_some(), "rotate-every"),
            (self.keep.is_some(), "keep"),
            (self.log_mode.is_some(), "mode"),
        ];
        given.into_iter().find(|(is_given, _)| *is_given).map(|(_, option)| option)
    }

    fn decide(self, program: &str) -> Result<Settings, OptionError> {
        let detach = !self.nodaemon.unwrap_or(false);
        let privileges = Privileges::resolve(
            self.uid.as_deref(),
            self.gid.as_deref(),
            self.euid.unwrap_or(false),
        )?;
        let rotation = Rotation::default();
        let (pid_file, target) = (self.pid_file(program), self.log_target(program, detach)?);
        if let (Some(pid_file), Target::File(log)) = (&pid_file, &target)
            && pid_file == log
        {
            return Err(OptionError::OneFile(log.clone()));
        }
        Ok(Settings {
            detach,
            place: Place {
                chroot: self.chroot.clone(),
                umask: self.umask.or(detach.then_some(DAEMON_UMASK)),
                rundir: self.rundir.clone().or(self.chroot.as_ref().map(|_| "/".into())),
            },
            pid_file,
            log: LogOptions {
                facility: self.facility.unwrap_or(Facility::Daemon),
                mode: self.log_mode,
                name: self.prefix.clone().unwrap_or(program.into()),
                target,
                level: self.log_level.unwrap_or(Level::INFO),
                format: self.log_format.unwrap_or(Format::Text),
                rotation: Rotation {
                    rotate_at: self.rotate_at.unwrap_or(rotation.rotate_at),
                    keep: self.keep.unwrap_or(rotation.keep),
                    every: self.rotate_every,
                },
            },
            privileges,
            workers: self.workers.map_or_else(cores, usize::from),
            stop_timeout: self.stop_timeout.unwrap_or(STOP_TIMEOUT),
            ready_fd: self.ready_fd,
        })
    }

    /// The pid file; relative to the rundir, unless it is absolute. `None`: there is to be none.
    pub fn pid_file(&self, program: &str) -> Option<PathBuf> {
        let default = || format!("{program}.pid").into();
        Some(self.pidfile.clone().unwrap_or_else(default))
            .filter(|name| !name.as_os_str().is_empty())
    }

    fn log_target(&self, program: &str, detach: bool) -> Result<Target, OptionError> {
        let stdout = Path::new("-");
        match (self.syslog.unwrap_or(false), &self.logfile) {
            (true, Some(_)) => Err(OptionError::TwoLogs),
            (true, None) => Ok(Target::Syslog),
            (false, Some(file)) if file == stdout && detach => Err(OptionError::StdoutOfDaemon),
            (false, Some(file)) if file == stdout => Ok(Target::Stdout),
            (false, Some(file)) => Ok(Target::File(file.clone())),
            (false, None) if detach => Ok(Target::File(format!("{program}.log").into())),
            (false, None) => Ok(Target::Stdout),
        }
    }
}

/// How a daemon runs: every option decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub(super) detach: bool,
    pub(super) place: Place,
    pub(super) pid_file: Option<PathBuf>,
    pub(super) log: LogOptions,
    pub(super) privileges: Privileges,
    pub(super) workers: usize,
    pub(super) stop_timeout: Duration,
    pub(super) ready_fd: Option<RawFd>,
}

/// As many as this process may run on: sched_setaffinity(2) and the CPU quota of its control group count.
fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}
