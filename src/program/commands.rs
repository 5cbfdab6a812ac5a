//! The commands that reach a running daemon by its control socket.

use super::daemon_files::Daemon;
use super::failure::{Failure, complain, say, say_bytes};
use super::follow::follow;
use super::pid_file::{END_WAIT, is_running};
use super::reach::{Answer, Unreached, ask_status, connect, no_answer, reach, refused, unit};
use super::status::{self, View};
use crate::cli::{Ask, ServiceChange};
use crate::control::{AskError, ConnectError, LogLevel, Request, Stopping};
use crate::daemon::OtherProcess;
use crate::document::Reloaded;
use std::process::ExitCode;
use std::time::Duration;

/// How long the daemon may take for what it does at once. The worker that makes changes has a limit of its own.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it may take for what takes as long as its services do.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(3600);

/// Does what a command line asks for.
pub(super) fn ask(daemon: &Daemon, ask: Ask) -> Result<ExitCode, Failure> {
    match ask {
        Ask::Status { json, follow: false } => status(daemon, json),
        Ask::Status { json, follow: true } => follow(daemon, json),
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
    let Answer { document, status } = ask_status(daemon, client, ANSWER_TIMEOUT)?;
    if json {
        say_bytes(status::json_line(&document).as_bytes())?;
    } else {
        let now = jiff::Timestamp::now();
        say_bytes(status::show(&status, &View::once(status::is_coloured(), now)).as_bytes())?;
    }
    Ok(if status.ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
