//! The files by which a command finds a running daemon.

use super::check::files;
use super::failure::Failure;
use crate::daemon::{Options, STOP_TIMEOUT};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A running daemon, as the command line describes it.
pub(super) struct Daemon {
    pub(super) program: &'static str,
    /// Its pid file. `None`: it has none, or the command line says only where its control socket is.
    pub(super) pid_file: Option<PathBuf>,
    /// Its control socket.
    #[cfg_attr(not(feature = "control"), allow(dead_code))]
    pub(super) socket: Option<PathBuf>,
    /// Where to look if there is no such daemon, for a command line that names none, or only the file of a unit.
    pub(super) unit: Option<Unit>,
    pub(super) stop_timeout: Duration,
}

/// A unit of systemd, as those that come with poetryd: `poetryd`, or `poetryd@NAME` for each file in /etc/poetryd.
pub(super) struct Unit {
    /// Its name, without `.service`.
    pub(super) name: String,
    pub(super) socket: PathBuf,
}

impl Unit {
    /// The one that runs this application file, or the program's own. `None`: no unit has a file there.
    pub(super) fn of(program: &str, file: Option<&Path>) -> Option<Self> {
        let name = match file {
            Some(file) => {
                let file = std::path::absolute(file).ok()?;
                let is_there = file.parent() == Some(Path::new(&format!("/etc/{program}")));
                let name = file.file_name()?.to_str()?.strip_suffix(".toml")?;
                Some(name.to_owned()).filter(|_| is_there)?
            }
            None => program.to_owned(),
        };
        let (name, directory) = match name == program {
            true => (name.clone(), name),
            false => (format!("{program}@{name}"), format!("{program}-{name}")),
        };
        Some(Self { name, socket: format!("/run/{directory}/control.sock").into() })
    }
}

impl Daemon {
    /// The daemon that runs with these options, of a program that may have no `control` socket. `control_is_typed`:
    /// the command line has the socket. `unit`: the one that it may mean.
    pub(super) fn found_by(
        program: &'static str,
        options: &Options,
        control: bool,
        control_is_typed: bool,
        unit: Option<Unit>,
    ) -> Result<Self, Failure> {
        let whole = |file: Option<PathBuf>| file.map(|file| absolute(options, &file)).transpose();
        let pid_file = options.pid_file(program);
        // A socket that was typed is that of the daemon; another one may run with the default pid file.
        let pid_file = pid_file.filter(|_| !control_is_typed || options.pidfile.is_some());
        let socket = options.control_file(program).filter(|_| control);
        if pid_file.is_none() && socket.is_none() {
            let message = "the daemon can't be found without a pid file or a control socket";
            return Err(Failure::Other(message.into(), 2));
        }
        Ok(Self {
            program,
            pid_file: whole(pid_file)?,
            socket: whole(socket)?,
            unit: unit.filter(|_| control && !control_is_typed),
            stop_timeout: options.stop_timeout.unwrap_or(STOP_TIMEOUT),
        })
    }
}

/// The absolute path of a file of the daemon, as seen from outside a chroot.
fn absolute(options: &Options, file: &Path) -> Result<PathBuf, Failure> {
    let file = files(options).find(file);
    std::path::absolute(&file)
        .map_err(|e| Failure::Other(format!("can't find {}: {e}", file.display()), 1))
}
