//! Steps 8 to 10 on the main thread. It runs no service, so a service that blocks can't keep signals and
//! deadlines from being handled.

use super::conductor::{Conductor, Event};
use super::detach::Report;
use super::error::RunError;
use super::readiness::Supervisor;
use super::reloading::{Progress, Reloads};
use super::runner::{Reception, Request};
use super::signals::{SignalReader, StopRequests, asks_to_stop};
use crate::chain::chain;
use crate::logging::{Logging, LostLines};
use crate::service::{Phase, ReloadMode, ServiceError};
use nix::sys::signal::Signal;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tracing::{Level, error, info, warn};

/// How long the log lines of the start may take to be written before the daemon reports that it is ready.
const START_LINES_TIMEOUT: Duration = Duration::from_millis(200);

/// How long to wait for services after the deadline. This is longer than the application takes to abandon the
/// services that have not stopped. If it still has not ended then, a service blocks its thread, and is abandoned.
const TIME_TO_ABANDON: Duration = Duration::from_secs(3);

/// How long services may take to stop if they may take longer than the clock can count.
const LONGEST_STOP: Duration = Duration::from_secs(365 * 24 * 3600);

/// The main thread, which waits for signals and for the application's events.
pub(super) struct Watch<'a> {
    signals: SignalReader,
    conductor: Conductor,
    supervisor: Supervisor,
    reception: Reception,
    reloads: Reloads,
    logging: &'a Logging,
    /// The signals that asked for a stop.
    requests: StopRequests,
    /// Set when everything has to stop, on request or because a service has failed.
    deadline: Option<Instant>,
    /// The first service that failed while it was running.
    failure: Option<ServiceError>,
    /// How many workers have answered since the watchdog last asked them.
    answers: Arc<AtomicUsize>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        signals: SignalReader,
        conductor: Conductor,
        supervisor: Supervisor,
        reception: Reception,
        reloads: Reloads,
        logging: &'a Logging,
    ) -> Self {
        let answers = Arc::new(AtomicUsize::new(conductor.workers().len()));
        Self {
            signals,
            conductor,
            supervisor,
            reception,
            reloads,
            logging,
            requests: StopRequests::default(),
            deadline: None,
            failure: None,
            answers,
        }
    }

    /// Watches over the application until it has stopped. Reports when it is ready.
    pub(super) fn run(mut self, report: &mut Option<Report>) -> Result<(), RunError> {
        loop {
            self.signals.wait(&[self.reception.waker.as_fd()], self.next_time())?;
            self.reception.waker.clear();
            while let Some(signal) = self.signals.next() {
                self.signal(signal)?;
            }
            while let Some(event) = self.conductor.next()? {
                match event {
                    Event::Started => self.ready(report),
                    Event::StartFailed(failure) => return Err(failure.into()),
                    Event::Failed(failure) => self.service_failed(failure),
                    Event::Stopped(Err(errors)) if self.failure.is_none() => {
                        return Err(errors.into());
                    }
                    Event::Stopped(stopped) => {
                        stopped.unwrap_or_else(|errors| error!("while stopping: {errors}"));
                        return self.failure.map_or(Ok(()), |failure| Err(failure.into()));
                    }
                }
            }
            while let Ok(request) = self.reception.requests.try_recv() {
                self.asked(request);
            }
            self.reload();
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline + TIME_TO_ABANDON) {
                return Err(RunError::Stuck);
            }
            self.supervisor.pay();
            self.feed_watchdog();
        }
    }

    /// When the next thing has to be done for which nothing will wake this thread.
    fn next_time(&self) -> Option<Instant> {
        let abandon = self.deadline.map(|deadline| deadline + TIME_TO_ABANDON);
        let others = [self.reloads.next_time(), self.supervisor.next_time()];
        others.into_iter().chain([abandon]).flatten().min()
    }

    fn signal(&mut self, signal: Signal) -> Result<(), RunError> {
        match signal {
            _ if asks_to_stop(signal) => return self.asked_to_stop(signal),
            Signal::SIGHUP => self.reloads.request("received SIGHUP", ReloadMode::Change, None),
            Signal::SIGUSR1 => {
                if self.logging.is_file() {
                    info!("received SIGUSR1, rotating the log");
                    self.logging.rotate();
                } else {
                    info!("received SIGUSR1, ignored: the log is not a file that can be rotated");
                }
            }
            _ => info!("received {signal}, ignored: this version does not support it"),
        }
        Ok(())
    }

    fn asked_to_stop(&mut self, signal: Signal) -> Result<(), RunError> {
        let counts = self.requests.add();
        match self.requests.count() {
            _ if !counts => info!(
                "received {signal} again; another one, a second or more after the first, ends the process immediately"
            ),
            1 if self.deadline.is_some() => {
                info!("received {signal}, already shutting down");
            }
            1 => {
                info!("received {signal}, shutting down");
                self.stop();
            }
            _ => {
                warn!("received {signal} while shutting down");
                return Err(RunError::EndedAtOnce);
            }
        }
        Ok(())
    }

    /// A service, or a client of the control socket, has asked for something.
    fn asked(&mut self, request: Request) {
        match request {
            Request::Stop(_) if self.deadline.is_some() => {
                info!("asked to stop, already shutting down");
            }
            Request::Stop(time) => {
                info!("asked to stop, shutting down");
                self.stop_within(time.unwrap_or(self.stop_timeout()));
            }
            Request::LogLevel(level) => self.set_log_level(level),
            Request::Reload(mode, caller) => {
                let why = match mode {
                    ReloadMode::Change => "asked to reload",
                    ReloadMode::DryRun => "asked what a reload would change",
                };
                self.reloads.request(why, mode, Some(caller));
            }
        }
    }

    /// Changes the level of the log, and logs that while it is still, or already, logged.
    fn set_log_level(&mut self, level: Level) {
        let name = level.as_str().to_ascii_lowercase();
        let say = || info!("asked to log events of the level {name} and above from now on");
        if level < Level::INFO {
            say();
        }
        self.reloads.set_log_level(level);
        say();
    }

    /// Continues with reloads, and reports what has happened.
    fn reload(&mut self) {
        while let Some(progress) = self.reloads.proceed() {
            match progress {
                Progress::Began => self.supervisor.reloading(),
                Progress::Ended(verdict) => self.supervisor.reloaded(&verdict),
            }
        }
    }

    fn ready(&mut self, report: &mut Option<Report>) {
        if self.deadline.is_some() {
            return; // told to stop at the last moment
        }
        self.reception.state.enter(Phase::Running);
        info!("ready");
        // Whoever receives the report may read the log next. If the log can't be written, the daemon does not
        // wait for it, but prints the reason where it can be seen.
        let lost = self.logging.flush(START_LINES_TIMEOUT).err();
        let lost = lost.filter(|lost| *lost != LostLines::Stuck).map(|lost| lost.to_string());
        match (report.take(), lost) {
            (Some(report), lost) => report.ready(lost.as_deref()),
            (None, Some(lost)) => _ = writeln!(io::stderr(), "{lost}"),
            (None, None) => {}
        }
        self.supervisor.ready("serving");
        self.reloads.open();
    }

    fn service_failed(&mut self, failure: ServiceError) {
        error!("{}; shutting down", chain(&failure));
        if self.deadline.is_none() {
            self.stop();
        }
        self.failure.get_or_insert(failure);
    }

    fn stop(&mut self) {
        self.stop_within(self.stop_timeout());
    }

    fn stop_timeout(&self) -> Duration {
        self.reloads.settings().stop_timeout
    }

    fn stop_within(&mut self, time: Duration) {
        let now = Instant::now();
        let deadline = now.checked_add(time).unwrap_or(now + LONGEST_STOP);
        self.reloads.close();
        self.reception.state.enter(Phase::Stopping);
        self.deadline = Some(deadline);
        self.conductor.stop(deadline);
        self.supervisor.stopping();
    }

    /// Notifies the service manager's watchdog if every worker has answered since the last time.
    fn feed_watchdog(&mut self) {
        let workers = self.conductor.workers();
        let Some(watchdog) = self.supervisor.watchdog.as_mut() else { return };
        if Instant::now() < watchdog.next {
            return;
        }
        watchdog.rewind();
        if self.answers.load(Ordering::Acquire) < workers.len() {
            return warn!(
                "a worker thread does not respond; the watchdog of the service manager is not notified"
            );
        }
        self.answers.store(0, Ordering::Release);
        for worker in 0..workers.len() {
            let answers = self.answers.clone();
            workers.spawn_on(worker, async move { answers.fetch_add(1, Ordering::AcqRel) });
        }
        self.supervisor.alive();
    }
}
