//! Steps 7 to 10 for the services: the threads that they run on, and the task that starts and stops them.

use super::inbox::{self, Outbox, Waker};
use crate::service::{Application, Resources, ServiceError, StopErrors, Workers};
use std::future::pending;
use std::io;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Instant;
use tokio::runtime;
use tokio::sync::oneshot;

/// What has happened to the application. The main thread waits for these events as well as for signals.
pub(super) enum Event {
    /// Every service has started.
    Started,
    /// A service failed to start; nothing is running any more.
    StartFailed(ServiceError),
    /// A running service failed. The others are still running.
    Failed(ServiceError),
    /// Everything has stopped, cleanly or not.
    Stopped(Result<(), StopErrors>),
}

/// A running application, as seen by the main thread.
pub(super) struct Conductor {
    events: mpsc::Receiver<Event>,
    stop: Option<oneshot::Sender<Instant>>,
    workers: Workers,
}

impl Conductor {
    /// Starts the application on the first worker. Its events wake the main thread.
    pub(super) fn start(
        application: Application,
        resources: Resources,
        workers: Workers,
        waker: &Waker,
    ) -> Self {
        let (outbox, events) = inbox::channel(waker);
        let (stop, stopped) = oneshot::channel();
        workers.spawn_on(0, conduct(application, resources, workers.clone(), stopped, outbox));
        Self { events, stop: Some(stop), workers }
    }

    /// Requests a stop with this deadline. Only the first request counts.
    pub(super) fn stop(&mut self, deadline: Instant) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(deadline);
        }
    }

    /// The next event, if there is one. It is an error if the application has ended without an event.
    pub(super) fn next(&self) -> Result<Option<Event>, Vanished> {
        match self.events.try_recv() {
            Ok(event) => Ok(Some(event)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Vanished),
        }
    }

    /// The threads that the services run on.
    pub(super) fn workers(&self) -> &Workers {
        &self.workers
    }
}

/// The task that runs the application is gone. Panics in services are caught, so this is a bug.
#[derive(Debug, thiserror::Error)]
#[error("the task that runs the application ended unexpectedly; this is a bug in poetryd")]
#[non_exhaustive]
pub struct Vanished;

/// Starts this many threads, each with a runtime of its own.
pub(super) fn start_workers(count: usize) -> io::Result<Workers> {
    let mut handles = Vec::with_capacity(count);
    for number in 0..count {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        handles.push(runtime.handle().clone());
        let name = format!("worker-{number}");
        // Nothing joins the threads: they end with the process, after the application has stopped.
        thread::Builder::new().name(name).spawn(move || runtime.block_on(pending::<()>()))?;
    }
    Ok(Workers::new(handles))
}

/// Runs the application from start to stop.
async fn conduct(
    mut application: Application,
    resources: Resources,
    workers: Workers,
    mut stop: oneshot::Receiver<Instant>,
    events: Outbox<Event>,
) {
    let start = tokio::select! {
        biased;
        deadline = &mut stop => Err(deadline),
        started = application.start(&resources, workers) => Ok(started),
    };
    let deadline = match start {
        Ok(Err(error)) => {
            drop(application); // this closes the sockets of services that had not started yet
            return events.send(Event::StartFailed(error));
        }
        Ok(Ok(())) => {
            events.send(Event::Started);
            serve(&mut application, &mut stop, &events).await
        }
        Err(interrupted) => interrupted,
    };
    let deadline = deadline.unwrap_or_else(|_| Instant::now());
    application.close();
    let stopped = application.stop(deadline.into()).await;
    drop(application);
    events.send(Event::Stopped(stopped));
}

async fn serve(
    application: &mut Application,
    stop: &mut oneshot::Receiver<Instant>,
    events: &Outbox<Event>,
) -> Result<Instant, oneshot::error::RecvError> {
    loop {
        tokio::select! {
            biased;
            deadline = &mut *stop => return deadline,
            failure = application.failure() => events.send(Event::Failed(failure)),
        }
    }
}
