//! The commands that reach a running daemon by its control socket.

use super::daemon_files::Daemon;
use super::failure::{Failure, complain, say, say_bytes};
use super::pid_file::{END_WAIT, NO_PERMISSION, NOT_RUNNING, is_running, not_running, running};
use super::status;
use crate::cli::{Ask, ServiceChange};
use crate::control::{AskError, Client, ConnectError, LogLevel, Request, Stopping};
use crate::daemon::OtherProcess;
use crate::document::{Reloaded, Status};
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// How long the daemon may take for what it does at once. The worker that makes changes has a limit of its own.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it may take for what takes as long as its services do.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(3600);

/// Does what a command line asks for.
pub(super) fn ask(daemon: &Daemon, ask: Ask) -> Result<ExitCode, Failure> {
    match ask {
        Ask::Status { json } => status(daemon, json),
        Ask::Stop { now } => stop(daemon, now),
        Ask::Reload { dry_run } => reload(daemon, dry_run),
        Ask::Service(change) => service(daemon, &change),
        Ask::LogLevel(level) => {
            let target = format!("/log-level/{}", level.as_str().to_ascii_lowercase());
            let LogLevel { level, .. } = get(daemon, &post(&target, ANSWER_TIMEOUT))?;
            done(&format!("the level of the log is {level} until the next reload"))
        }
        Ask::Rotate => {
            let answer = connect(daemon)?.ask(&post("/rotate", ANSWER_TIMEOUT));
            answer.map_err(|e| refused(daemon, e))?;
            done("the log file is being rotated")
        }
    }
}

fn done(line: &str) -> Result<ExitCode, Failure> {
    say(line)?;
    Ok(ExitCode::SUCCESS)
}

fn post(target: &str, timeout: Duration) -> Request<'_> {
    Request { method: "POST", target, timeout }
}

fn get<T: serde::de::DeserializeOwned>(
    daemon: &Daemon,
    request: &Request<'_>,
) -> Result<T, Failure> {
    connect(daemon)?.ask_for(request).map_err(|e| refused(daemon, e))
}

fn status(daemon: &Daemon, json: bool) -> Result<ExitCode, Failure> {
    let client = match reach(daemon) {
        Ok(client) => client,
        Err(Unreached::Silent { pid: Some(pid), why }) if !json => {
            if let Some(ConnectError::NotPermitted | ConnectError::Other(_)) = &why {
                complain(&no_answer(daemon, why.as_ref()));
            }
            return is_running(daemon, pid);
        }
        Err(Unreached::NotRunning(failure)) => match unit(daemon)? {
            Some(client) => client,
            None => return Err(failure),
        },
        Err(unreached) => return Err(unreached.failure(daemon)),
    };
    let request = Request { method: "GET", target: "/status", timeout: ANSWER_TIMEOUT };
    let document = client.ask(&request).map_err(|e| refused(daemon, e))?;
    let status: Status = serde_json::from_slice(&document).map_err(|e| {
        let message = format!("the daemon's answer is not as this version expects it: {e}");
        Failure::Other(message, 1)
    })?;
    if json {
        say_bytes(harmless_json(&String::from_utf8_lossy(&document)).as_bytes())?;
    } else {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = io::stdout().is_terminal() && !plain;
        say_bytes(status::show(&status, colour, jiff::Timestamp::now()).as_bytes())?;
    }
    Ok(if status.ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// JSON on one line, without characters that a terminal would obey. The text is valid, so these are in strings.
fn harmless_json(text: &str) -> String {
    let mut line = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            ' '..='~' => line.push(c),
            '\0'..='\u{1f}' => {} // between values; in strings they are not valid
            c if c.is_alphanumeric() => line.push(c),
            c => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| _ = write!(line, "\\u{unit:04x}")),
        }
    }
    line + "\n"
}

/// The daemon of the unit, if the command line names no other, and it is running.
fn unit(daemon: &Daemon) -> Result<Option<Client>, Failure> {
    let Some(socket) = &daemon.unit_socket else { return Ok(None) };
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

/// Stops a daemon that is known by its control socket only. Its pid is never used to send it a signal.
fn stop(daemon: &Daemon, now: bool) -> Result<ExitCode, Failure> {
    let client = connect(daemon)?;
    let process = client.pid().and_then(|pid| OtherProcess::open(pid).ok());
    let target = if now { "/stop?now" } else { "/stop" };
    let answer = client.ask_for(&post(target, ANSWER_TIMEOUT));
    let Stopping { pid, .. } = answer.map_err(|e| refused(daemon, e))?;
    let program = daemon.program;
    let Some(process) = process else {
        return done(&format!("{program} with pid {pid} is stopping"));
    };
    let limit = daemon.stop_timeout + END_WAIT;
    match process.wait_for_end(Some(limit)) {
        Ok(true) => done(&format!("{program} with pid {pid} has stopped")),
        Ok(false) => {
            let limit = limit.as_secs_f64();
            let message = format!(
                "the daemon with pid {pid} is still running {limit} s after it was told to stop"
            );
            Err(Failure::Other(message, 1))
        }
        Err(e) => Err(Failure::Other(format!("can't wait for the daemon's end: {e}"), 1)),
    }
}

fn reload(daemon: &Daemon, dry_run: bool) -> Result<ExitCode, Failure> {
    let target = if dry_run { "/reload?dry-run" } else { "/reload" };
    let answer = connect(daemon)?.ask_for(&post(target, CHANGE_TIMEOUT));
    let reloaded: Reloaded = answer.map_err(|e| match e {
        // Mistakes with their places begin with these, so that editors recognize them.
        AskError::Refused { error, is_mistake: true } if error.contains('\n') => {
            Failure::Mistakes(error)
        }
        other => match refused(daemon, other) {
            Failure::Other(message, status) => {
                Failure::Other(format!("not reloaded: {message}"), status)
            }
            other => other,
        },
    })?;
    for line in status::reloaded(&reloaded) {
        say(&line)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn service(daemon: &Daemon, change: &ServiceChange) -> Result<ExitCode, Failure> {
    let (path, word, query, done_word) = match change {
        ServiceChange::Stop { path, force: true } => (path, "stop", "?force", "has stopped"),
        ServiceChange::Stop { path, force: false } => (path, "stop", "", "has stopped"),
        ServiceChange::Start(path) => (path, "start", "", "is running"),
        ServiceChange::Restart(path) => (path, "restart", "", "has been restarted"),
    };
    let target = format!("/services/{path}/{word}{query}");
    let answer = connect(daemon)?.ask(&post(&target, CHANGE_TIMEOUT));
    answer.map_err(|e| match (refused(daemon, e), change) {
        (Failure::Other(message, 1), ServiceChange::Stop { force: false, .. })
            if message.contains(" is in use by ") =>
        {
            Failure::Other(format!("{message}; --force stops it nevertheless"), 1)
        }
        (other, _) => other,
    })?;
    done(&format!("the service {path} {done_word}"))
}

/// Why there is no connection to the daemon.
enum Unreached {
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
    fn failure(self, daemon: &Daemon) -> Failure {
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

fn no_answer(daemon: &Daemon, why: Option<&ConnectError>) -> String {
    match (&daemon.socket, why) {
        (Some(socket), Some(why)) => {
            format!("can't ask the daemon by its control socket {}: {why}", socket.display())
        }
        _ => "the daemon has no control socket".into(),
    }
}

fn connect(daemon: &Daemon) -> Result<Client, Failure> {
    reach(daemon).map_err(|unreached| unreached.failure(daemon))
}

/// Connects to the daemon. If it has a pid file, the process that holds this has to be the one that has opened the
/// socket.
fn reach(daemon: &Daemon) -> Result<Client, Unreached> {
    let pid = match &daemon.pid_file {
        Some(pid_file) => match running(pid_file).map_err(Unreached::NotRunning)? {
            Some(pid) => Some(pid),
            None => return Err(Unreached::NotRunning(not_running(pid_file))),
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

fn refused(daemon: &Daemon, error: AskError) -> Failure {
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

#[cfg(test)]
mod tests;
