//! The options of a daemon, checked as a whole and completed with defaults.

use super::options::{Options, STOP_TIMEOUT};
use super::place::Place;
use super::privileges::{IdentityError, Privileges};
use crate::logging::{Facility, Format, LogOptions, Rotation, Target};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tracing::Level;

/// The umask of a daemon, as in twistd: nobody else may read what it writes.
const DAEMON_UMASK: u32 = 0o077;

/// Options that can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// A daemon has no standard output.
    #[error(
        "a daemon has no standard output to log to; set --nodaemon as well, or another --logfile"
    )]
    StdoutOfDaemon,
    /// Process 1 can't detach.
    #[error(
        "process 1 of a container can't detach: the container would end with it; set --nodaemon"
    )]
    FirstProcess,
    /// The log can have only one destination.
    #[error("--logfile and --syslog can't be used together; choose one")]
    TwoLogs,
    /// The log would overwrite the pid, and be deleted with it.
    #[error("the pid file and the log file are both {}; choose another name for one of them", .0.display())]
    OneFile(PathBuf),
    /// The descriptor is not open.
    #[error(
        "--ready-fd {0}: descriptor {0} is not open; the process that starts the program has to open it"
    )]
    NoReadyDescriptor(RawFd),
    /// The program has no control socket.
    #[error("--control has no effect here: this program has no control socket; leave it out")]
    NoControl,
    /// The program sets up its own log.
    #[error("{0} has no effect here: this program sets up its own log; leave it out")]
    OwnLog(String),
    /// A wrong user or group.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl Options {
    /// Checks the options as a whole, for a program named `program`, and fills in the defaults.
    ///
    /// # Errors
    /// If options contradict each other, or name a user or group that does not exist.
    pub fn check(self, program: &str) -> Result<Settings, OptionError> {
        let inside_root = self.chroot.is_some();
        self.with_whole_names(inside_root).decide(program)
    }

    /// [`check`](Self::check), for a program that may set up its own log.
    pub(super) fn decide_for(self, program: &str, own_log: bool) -> Result<Settings, OptionError> {
        if own_log && let Some(option) = self.given().into_iter().find(|option| option.about_log) {
            return Err(OptionError::OwnLog(option.to_string()));
        }
        let mut settings = self.check(program)?;
        if own_log {
            settings.log.target = Target::Program;
        }
        Ok(settings)
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
            control: self.control_file(program),
            control_is_wanted: self.control.is_some(),
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

    /// The pid file, relative to the rundir unless it is absolute. `None`: the daemon has no pid file.
    pub fn pid_file(&self, program: &str) -> Option<PathBuf> {
        let default = || format!("{program}.pid").into();
        Some(self.pidfile.clone().unwrap_or_else(default))
            .filter(|name| !name.as_os_str().is_empty())
    }

    /// The control socket, relative to the rundir unless it is absolute: by default, the pid file's name with
    /// `.sock` instead of its extension. `None`: there is none.
    pub fn control_file(&self, program: &str) -> Option<PathBuf> {
        let default = || self.pid_file(program).map(|pid_file| pid_file.with_extension("sock"));
        self.control.clone().or_else(default).filter(|name| !name.as_os_str().is_empty())
    }

    /// Whether there may be a control socket, for a program that may have left it out.
    pub(super) fn may_have_control(&self, of_program: bool) -> Result<bool, OptionError> {
        let may_have = of_program && cfg!(feature = "control");
        match &self.control {
            Some(name) if !may_have && !name.as_os_str().is_empty() => Err(OptionError::NoControl),
            _ => Ok(may_have),
        }
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

/// How a daemon runs, with a value for every option.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub(super) detach: bool,
    pub(super) place: Place,
    pub(super) pid_file: Option<PathBuf>,
    pub(super) control: Option<PathBuf>,
    /// Whether the control socket was set: then the daemon does not start without it.
    pub(super) control_is_wanted: bool,
    pub(super) log: LogOptions,
    pub(super) privileges: Privileges,
    pub(super) workers: usize,
    pub(super) stop_timeout: Duration,
    pub(super) ready_fd: Option<RawFd>,
}

/// As many as this process may run on, according to sched_setaffinity(2) and the CPU quota of its control group.
fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}
