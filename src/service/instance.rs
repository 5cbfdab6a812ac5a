//! A service and which of its calls are due. Its own code is only called here while it runs.

use super::error::{guarded, panicked};
use super::limits::Limits;
use super::restart::{Supervision, Verdict};
use super::run::Run;
use super::slot::Slot;
use super::{
    BoxError, Context, PrivilegedContext, Service, ServiceError, ServicePath, State, Step,
    StopErrors, Update,
};
use crate::chain::chain;
use crate::sync::Mutex;
use async_trait::async_trait;
use futures::FutureExt;
use std::any::Any;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span, debug, error, info};

/// What is known about a service, whoever has the instance.
pub(super) struct Known {
    pub(super) slot: Arc<Slot>,
    /// `None`: it is never restarted.
    pub(super) supervision: Mutex<Option<Supervision>>,
    /// Its current run.
    run: Mutex<Option<Arc<Run>>>,
    has_started_before: AtomicBool,
}

/// The service itself, and what its next call needs.
pub(super) struct Instance {
    pub(super) service: Box<dyn Service>,
    phase: Phase,
    closed: bool,
    /// The context of the privileged start, until there is a run.
    prepared: Option<PrivilegedContext>,
    /// The context of the last run.
    cx: Option<Context>,
    /// What the process keeps for the next run.
    pub(super) kept: Option<Box<dyn Any + Send>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle,
    /// After the privileged start.
    Prepared,
    /// During `start`. It stays so if the start is interrupted.
    Starting,
    Running,
}

/// Takes the place of a service that has been removed.
struct Gone;

#[async_trait]
impl Service for Gone {
    async fn start(&mut self, _: &Context) -> Result<(), BoxError> {
        Err("it has been removed".into())
    }

    async fn stop(&mut self, _: Instant) -> Result<(), BoxError> {
        Ok(())
    }
}

impl Known {
    pub(super) fn new(slot: Arc<Slot>, supervision: Option<Supervision>) -> Self {
        let supervision = Mutex::new(supervision);
        Self { slot, supervision, run: Mutex::default(), has_started_before: AtomicBool::default() }
    }

    /// The current run of the service. `None`: it is not running.
    pub(super) fn run(&self) -> Option<Arc<Run>> {
        self.run.lock().clone()
    }

    /// What follows the end of a run, or of an attempt to start one.
    pub(super) fn ended(&self, failed: bool) -> (Verdict, u32) {
        match &mut *self.supervision.lock() {
            Some(supervision) if self.has_started_before.load(Ordering::Relaxed) => {
                supervision.ended(failed)
            }
            _ => (Verdict::NotCovered, 1),
        }
    }

    fn has_started(&self) {
        self.has_started_before.store(true, Ordering::Relaxed);
        self.slot.set_state(State::Running);
        if let Some(supervision) = &mut *self.supervision.lock() {
            supervision.started();
        }
    }

    fn could_not_start(&self, error: &ServiceError) {
        self.slot.set_state(State::Failed);
        self.slot.set_failure(&chain(error));
    }
}

impl Instance {
    pub(super) fn new(service: Box<dyn Service>) -> Self {
        Self { service, phase: Phase::Idle, closed: false, prepared: None, cx: None, kept: None }
    }

    pub(super) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    pub(super) fn take_out(&mut self) -> Box<dyn Service> {
        mem::replace(&mut self.service, Box::new(Gone))
    }

    pub(super) fn prepare(
        &mut self,
        cx: PrivilegedContext,
        known: &Known,
    ) -> Result<(), ServiceError> {
        let start = || self.service.privileged_start(&cx);
        let prepared = cx.span().in_scope(|| guarded(start)).flatten();
        prepared.map_err(|cause| {
            let error = ServiceError::locate(cx.path(), Step::PrivilegedStart, cause);
            known.could_not_start(&error);
            error
        })?;
        self.phase = Phase::Prepared;
        self.closed = false;
        self.prepared = Some(cx);
        Ok(())
    }

    /// Starts a service of this group that is not running, beginning with the first call that is due.
    pub(super) async fn prepare_and_begin(
        &mut self,
        group: &Context,
        known: &Known,
    ) -> Result<(), ServiceError> {
        if self.phase != Phase::Prepared {
            self.prepare(group.of_service(&known.slot, None).privileged().clone(), known)?;
        }
        self.begin(group, known).await
    }

    pub(super) async fn begin(
        &mut self,
        group: &Context,
        known: &Known,
    ) -> Result<(), ServiceError> {
        let cx = group.of_service(&known.slot, self.prepared.take());
        self.phase = Phase::Starting;
        self.closed = false;
        known.slot.set_state(State::Starting);
        *known.run.lock() = Some(cx.run().clone());
        let cx = &*self.cx.insert(cx);
        // Called inside the async block, so that a panic before there is a future is caught, too.
        let start = AssertUnwindSafe(async { self.service.start(cx).await }).catch_unwind();
        let started = start.instrument(cx.span().clone()).await;
        if let Err(cause) = started.unwrap_or_else(|panic| Err(panicked(panic))) {
            let error = ServiceError::locate(cx.path(), Step::Start, cause);
            self.phase = Phase::Idle;
            cx.run().close(); // for tasks that the start has spawned
            self.run_is_over(known);
            known.could_not_start(&error);
            return Err(error);
        }
        self.phase = Phase::Running;
        known.has_started();
        self.in_span(|| debug!("started"));
        Ok(())
    }

    pub(super) fn close(&mut self) {
        if self.phase == Phase::Idle || mem::replace(&mut self.closed, true) {
            return;
        }
        if let (Some(cx), Phase::Starting | Phase::Running) = (&self.cx, self.phase) {
            cx.run().close();
            cx.slot().set_state(State::Stopping);
        }
        let Some(here) = here(&self.prepared, &self.cx) else { return }; // it has never been prepared
        here.span().in_scope(|| {
            if let Err(panic) = guarded(|| self.service.close()) {
                let error = ServiceError::locate(here.path(), Step::Close, panic);
                error!("{}", chain(&error));
            }
        });
    }

    /// Prepares what a reload changes.
    pub(super) async fn reload(&mut self) -> Result<Update, ServiceError> {
        let Some(cx) = self.cx.as_ref().filter(|_| self.phase == Phase::Running) else {
            return Ok(Update::none());
        };
        let reload = AssertUnwindSafe(async { self.service.reload(cx).await }).catch_unwind();
        let prepared = reload.instrument(cx.span().clone()).await;
        prepared
            .unwrap_or_else(|panic| Err(panicked(panic)))
            .map_err(|cause| ServiceError::locate(cx.path(), Step::Reload, cause))
    }

    /// Ends the run. Returns what went wrong in this service or below. If the future is dropped, the run has not
    /// ended, and this can be called again.
    pub(super) async fn end(&mut self, limits: Limits, known: &Known) -> Vec<ServiceError> {
        self.close();
        if let Phase::Idle | Phase::Prepared = self.phase {
            self.phase = Phase::Idle;
            known.slot.waits_no_longer();
            return Vec::new();
        }
        let (span, service) = (self.span(), &mut self.service);
        let stop = AssertUnwindSafe(async { service.stop(limits.deadline).await }).catch_unwind();
        let stop = timeout_at(limits.abandon, stop.instrument(span));
        let outcome = match stop.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(panicked(panic)),
            Err(_) => Err("it had not stopped at the deadline".into()),
        };
        self.phase = Phase::Idle;
        self.run_is_over(known);
        known.slot.set_state(State::Stopped);
        match outcome {
            Ok(()) => {
                self.in_span(|| info!("stopped"));
                Vec::new()
            }
            Err(cause) => StopErrors::flatten(&self.path(), cause),
        }
    }

    fn run_is_over(&self, known: &Known) {
        *known.run.lock() = None;
        if let Some(cx) = &self.cx {
            cx.tree().forget_finds(&known.slot);
        }
    }

    pub(super) fn log_all(&self, errors: Vec<ServiceError>) {
        for error in errors {
            self.in_span(|| error!("{}", chain(&error)));
        }
    }

    /// The path and span of the service, if they are known.
    fn here(&self) -> Option<&PrivilegedContext> {
        here(&self.prepared, &self.cx)
    }

    fn path(&self) -> ServicePath {
        self.here().map_or_else(ServicePath::root, |here| here.path().clone())
    }

    fn span(&self) -> Span {
        self.here().map_or_else(Span::none, |here| here.span().clone())
    }

    fn in_span<R>(&self, say: impl FnOnce() -> R) -> R {
        match self.here() {
            Some(here) => here.span().in_scope(say),
            None => say(),
        }
    }
}

/// For calls that borrow the service as well.
fn here<'a>(
    prepared: &'a Option<PrivilegedContext>,
    cx: &'a Option<Context>,
) -> Option<&'a PrivilegedContext> {
    prepared.as_ref().or(cx.as_ref().map(Context::privileged))
}

/// Dropping runs the service's own code, too. Even if that panics, the caller has to continue.
impl Drop for Instance {
    fn drop(&mut self) {
        let service = self.take_out();
        if let Err(panic) = guarded(|| drop(service)) {
            self.in_span(|| error!("when it was dropped, it {panic}"));
        }
    }
}
