//! Finds a running daemon and connects to its control socket.

use super::daemon_files::{Daemon, Unit};
use super::failure::Failure;
use super::pid_file::{NO_PERMISSION, NOT_RUNNING, not_running, running};
use crate::control::{AskError, Client, ConnectError, Request};
use crate::document::Status;
use std::path::Path;
use std::time::Duration;

/// The status of a daemon, as it has answered.
pub(super) struct Answer {
    /// The document itself, which may have fields that this version does not know.
    pub(super) document: Vec<u8>,
    pub(super) status: Status,
}

/// Asks for the status.
pub(super) fn ask_status(
    daemon: &Daemon,
    client: Client,
    timeout: Duration,
) -> Result<Answer, Failure> {
    let request = Request { method: "GET", target: "/status", timeout };
    let document = client.ask(&request).map_err(|e| refused(daemon, e))?;
    let status = serde_json::from_slice(&document).map_err(|e| {
        let message = format!("the daemon's answer is not as this version expects it: {e}");
        Failure::Other(message, 1)
    })?;
    Ok(Answer { document, status })
}

/// Why there is no connection to the daemon.
pub(super) enum Unreached {
    NotRunning(Failure),
    /// It is running, or may be, but its control socket can't be used.
    Silent {
        pid: Option<u32>,
        /// `None`: it has no control socket.
        why: Option<ConnectError>,
    },
    /// Another process listens on the socket.
    Another(Failure),
}

impl Unreached {
    pub(super) fn failure(self, daemon: &Daemon) -> Failure {
        match self {
            Unreached::NotRunning(failure) | Unreached::Another(failure) => failure,
            Unreached::Silent { why, .. } => {
                let message = no_answer(daemon, why.as_ref());
                let status =
                    if matches!(why, Some(ConnectError::NotPermitted)) { NO_PERMISSION } else { 1 };
                Failure::Other(message, status)
            }
        }
    }
}

pub(super) fn no_answer(daemon: &Daemon, why: Option<&ConnectError>) -> String {
    match (&daemon.socket, why) {
        (Some(socket), Some(why)) => {
            format!("can't ask the daemon by its control socket {}: {why}", socket.display())
        }
        _ => "the daemon has no control socket".into(),
    }
}

pub(super) fn connect(daemon: &Daemon) -> Result<Client, Failure> {
    reach(daemon).map_err(|unreached| unreached.failure(daemon))
}

/// Connects to the daemon. If it has a pid file, the process that holds this has to be the one that has opened the
/// socket.
pub(super) fn reach(daemon: &Daemon) -> Result<Client, Unreached> {
    let pid = match &daemon.pid_file {
        Some(pid_file) => match running(pid_file).map_err(Unreached::NotRunning)? {
            Some(pid) => Some(pid),
            None => return Err(Unreached::NotRunning(not_running(daemon, pid_file))),
        },
        None => None,
    };
    let Some(socket) = &daemon.socket else { return Err(Unreached::Silent { pid, why: None }) };
    match (Client::connect(socket), pid) {
        (Ok(client), None) => Ok(client),
        (Ok(client), Some(pid)) if client.pid() == Some(pid) => Ok(client),
        (Ok(client), Some(pid)) => Err(Unreached::Another(impostor(socket, client.pid(), pid))),
        (Err(ConnectError::Absent), None) => Err(Unreached::NotRunning(nobody_listens(socket))),
        (Err(why), pid) => Err(Unreached::Silent { pid, why: Some(why) }),
    }
}

fn nobody_listens(socket: &Path) -> Failure {
    let message =
        format!("not running: no process listens on the control socket {}", socket.display());
    Failure::Other(message, NOT_RUNNING)
}

fn impostor(socket: &Path, found: Option<u32>, pid: u32) -> Failure {
    let found = match found {
        Some(found) => format!("process {found}"),
        None => "a process that can't be seen from here".into(),
    };
    let message = format!(
        "{found} listens on the control socket {}, but the daemon that holds the pid file is process {pid}; it was not asked anything. Whoever may write to that directory can have put the socket there",
        socket.display()
    );
    Failure::Other(message, 1)
}

pub(super) fn refused(daemon: &Daemon, error: AskError) -> Failure {
    match error {
        AskError::Refused { error, is_mistake: true } => Failure::Other(error, 2),
        AskError::Refused { error, is_mistake: false } => Failure::Other(error, 1),
        other => {
            let socket = daemon.socket.as_deref().unwrap_or(Path::new(""));
            let message =
                format!("the daemon with the control socket {}: {other}", socket.display());
            Failure::Other(message, 1)
        }
    }
}

/// The daemon of the unit, if the command line names no other, and it is running.
pub(super) fn unit(daemon: &Daemon) -> Result<Option<Client>, Failure> {
    let Some(Unit { socket, .. }) = &daemon.unit else { return Ok(None) };
    match Client::connect(socket) {
        Ok(client) => Ok(Some(client)),
        Err(ConnectError::NotPermitted) => {
            let message = format!(
                "not running here; there may be a daemon with the control socket {}, which only root and its own user can ask",
                socket.display()
            );
            Err(Failure::Other(message, NO_PERMISSION))
        }
        Err(_) => Ok(None),
    }
}
