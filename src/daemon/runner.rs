//! What services and the control socket can ask of the process: the implementation of
//! [`Runner`](crate::service::Runner).
//!
//! It is called on any thread. Requests are sent to the main thread; the report is kept up to date by it.

use super::inbox::{self, Outbox, Waker};
use crate::logging::{LoggedWarning, Logging};
use crate::service::{
    BoxError, LastReload, Phase, Refusal, ReloadMode, Reloaded, Runner, RunnerReport, Warning,
};
use crate::sync::Mutex;
use async_trait::async_trait;
use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;
use tracing::Level;

/// What a reload has come to.
pub(super) type Verdict = Result<Reloaded, Refusal>;

/// What is asked of the main thread.
pub(super) enum Request {
    /// A stop, within this time.
    Stop(Option<Duration>),
    /// Another level of the log.
    LogLevel(Level),
    /// A reload; the verdict goes there.
    Reload(ReloadMode, oneshot::Sender<Verdict>),
}

/// The report on the process, shared by all threads.
#[derive(Clone)]
pub(super) struct State(Arc<Mutex<RunnerReport>>);

impl State {
    /// The state of this process when it starts.
    pub(super) fn starting(
        program: String,
        version: Option<String>,
        origin: String,
        workers: usize,
    ) -> Self {
        let (pid, started, phase) = (std::process::id(), SystemTime::now(), Phase::Starting);
        let (since, last_reload, log_lines_lost) = (started, None, 0);
        Self(Arc::new(Mutex::new(RunnerReport {
            program,
            version,
            pid,
            origin,
            started,
            phase,
            since,
            last_reload,
            workers,
            log_lines_lost,
        })))
    }

    pub(super) fn report(&self) -> RunnerReport {
        self.0.lock().clone()
    }

    pub(super) fn enter(&self, phase: Phase) {
        let mut report = self.0.lock();
        (report.phase, report.since) = (phase, SystemTime::now());
    }

    /// The application is another one now, made from this.
    pub(super) fn set_origin(&self, origin: String) {
        self.0.lock().origin = origin;
    }

    /// Records the end of a reload that could have changed something.
    pub(super) fn has_reloaded(&self, outcome: Verdict) {
        let mut report = self.0.lock();
        report.last_reload = Some(LastReload { ended: SystemTime::now(), outcome });
    }
}

/// What the main thread has of the runner: the requests, and the report to be kept up to date.
pub(super) struct Reception {
    /// Wakes the main thread when there is a request.
    pub(super) waker: Waker,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) state: State,
}

impl Reception {
    /// The main thread's part of the runner of this process, and the others' part.
    pub(super) fn open(state: State, logging: &Logging) -> io::Result<(Self, ThisProcess)> {
        let waker = Waker::new()?;
        let (outbox, requests) = inbox::channel(&waker);
        let (state_of_all, logging) = (state.clone(), logging.clone());
        let process = ThisProcess { state: state_of_all, logging, requests: outbox };
        Ok((Self { waker, requests, state }, process))
    }
}

/// This process.
pub(super) struct ThisProcess {
    state: State,
    logging: Logging,
    requests: Outbox<Request>,
}

#[async_trait]
impl Runner for ThisProcess {
    fn report(&self) -> RunnerReport {
        RunnerReport { log_lines_lost: self.logging.lines_lost(), ..self.state.report() }
    }

    async fn reload(&self, mode: ReloadMode) -> Verdict {
        let (reply, verdict) = oneshot::channel();
        self.requests.send(Request::Reload(mode, reply));
        verdict.await.unwrap_or_else(|_| {
            Err(Refusal { reason: "the daemon has stopped".into(), is_mistake: false })
        })
    }

    fn stop(&self, time: Option<Duration>) {
        self.requests.send(Request::Stop(time));
    }

    fn set_log_level(&self, level: Level) -> Result<(), BoxError> {
        if self.logging.is_of_program() {
            return Err("the program has a log of its own; its level can't be changed here".into());
        }
        self.requests.send(Request::LogLevel(level));
        Ok(())
    }

    fn rotate(&self) -> Result<(), BoxError> {
        if !self.logging.is_file() {
            return Err("the log is not a file that can be rotated".into());
        }
        self.logging.rotate();
        Ok(())
    }

    fn warnings(&self) -> Vec<Warning> {
        let warning = |LoggedWarning { time, level, path, message }| Warning {
            time,
            level,
            service: path,
            message,
        };
        self.logging.warnings().into_iter().map(warning).collect()
    }
}
