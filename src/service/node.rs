//! One service of a group: the instance, and which of its calls are due.

use super::error::panicked;
use super::limits::{LATEST_DEADLINE, Limits};
use super::restart::{Supervision, Verdict};
use super::run::Run;
use super::slot::Slot;
use super::{
    BoxError, Context, Handle, Managed, PrivilegedContext, Restart, Service, ServiceError,
    ServicePath, Settings, State, Step, StopErrors,
};
use crate::chain::chain;
use crate::sync::Mutex;
use async_trait::async_trait;
use futures::FutureExt;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug, error, info};

/// A service in its slot.
pub(super) struct Node {
    slot: Arc<Slot>,
    settings: Option<Arc<dyn Settings>>,
    /// `None`: it is never restarted.
    supervision: Mutex<Option<Supervision>>,
    /// The run that it is in.
    run: Mutex<Option<Arc<Run>>>,
    instance: tokio::sync::Mutex<Instance>,
    /// Cancelled when the service is to stop, or is dropped: whoever wants to start it again gives up.
    interrupt: Mutex<CancellationToken>,
}

/// The service itself, with what its next call needs.
struct Instance {
    service: Box<dyn Service>,
    phase: Phase,
    closed: bool,
    /// Of the last run.
    cx: Option<Context>,
    span: Span,
    path: ServicePath,
    /// What the process keeps for the next run.
    kept: Option<Box<dyn Any + Send>>,
    /// Somebody has stopped this service alone, and it is to stay so when its group starts.
    held: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle,
    /// After the privileged start.
    Prepared,
    /// Within `start`; stays so when the start is cut off.
    Starting,
    Running,
}

/// Stands where a service was that has been taken out.
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

/// Why a service does not run again.
pub(super) enum NotResumed {
    Interrupted,
    Failed(ServiceError),
}

impl Node {
    pub(super) fn new(managed: Managed, slot: Arc<Slot>) -> Self {
        let Managed { service, settings, restart } = managed;
        Self {
            slot,
            settings: settings.map(Arc::from),
            supervision: Mutex::new(Supervision::new(restart)),
            run: Mutex::default(),
            instance: tokio::sync::Mutex::new(Instance::new(service)),
            interrupt: Mutex::default(),
        }
    }

    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    pub(super) fn settings(&self) -> Option<Arc<dyn Settings>> {
        self.settings.clone()
    }

    pub(super) fn set_restart(&self, restart: Restart) {
        *self.supervision.lock() = Supervision::new(restart);
    }

    /// Looks at the service. `None`: it is being started or stopped just now.
    pub(super) fn inspect<R>(&self, look: impl FnOnce(&dyn Service) -> R) -> Option<R> {
        self.instance.try_lock().ok().map(|instance| look(&*instance.service))
    }

    /// What the service shows to others.
    pub(super) fn handle(&self) -> Option<Handle> {
        self.inspect(|service| service.handle()).flatten()
    }

    /// Takes the service out, which has been stopped.
    pub(super) async fn into_service(self: Arc<Self>) -> Box<dyn Service> {
        let mut instance = self.instance.lock().await;
        std::mem::replace(&mut instance.service, Box::new(Gone))
    }

    // The calls, in their order.

    pub(super) fn privileged_start(&self, cx: &PrivilegedContext) -> Result<(), ServiceError> {
        match self.instance.try_lock() {
            Ok(mut instance) => instance.prepare(cx),
            Err(_) => Err(ServiceError::locate(
                cx.path(),
                Step::PrivilegedStart,
                "it is being started or stopped already".into(),
            )),
        }
    }

    pub(super) async fn start(&self, cx: Context) -> Result<(), ServiceError> {
        let mut instance = self.instance.lock().await;
        if instance.held {
            return Ok(());
        }
        instance.begin(cx, self).await
    }

    /// Closes the service, unless it is not its turn yet: then [`stop`](Self::stop) does.
    pub(super) fn close(&self) {
        if self.slot.waits_for_its_turn() {
            return;
        }
        // Whoever has the service now and starts it will see that it was interrupted; whoever stops it, closes it.
        if let Ok(mut instance) = self.instance.try_lock() {
            instance.close();
        }
    }

    /// Returns what went wrong, in this service or below.
    pub(super) async fn stop(&self, deadline: Instant) -> Vec<ServiceError> {
        let turn = self.slot.take_turn();
        for stopped in turn.iter().flat_map(|turn| &turn.after) {
            // Each of them is abandoned by then.
            let _ = timeout_at(deadline + LATEST_DEADLINE, stopped.cancelled()).await;
        }
        let errors = self.end_run(deadline, None).await;
        drop(turn);
        errors
    }

    /// Stops the service. What it has of the process is kept in `kept`, if it is to run again.
    async fn end_run(
        &self,
        deadline: Instant,
        kept: Option<Box<dyn Any + Send>>,
    ) -> Vec<ServiceError> {
        self.interrupt.lock().cancel();
        let limits = Limits::from_now(deadline);
        let Ok(mut instance) = timeout_at(limits.abandon, self.instance.lock()).await else {
            let cause = "somebody else was still starting or stopping it at the deadline".into();
            return vec![ServiceError::locate(&self.slot.path(), Step::Stop, cause)];
        };
        *self.interrupt.lock() = CancellationToken::new();
        instance.kept = kept;
        instance.end(limits, self).await
    }

    // Stopping one service alone, and starting it again.

    /// Stops the service, which can be [resumed](Self::resume) then.
    pub(super) async fn pause(
        &self,
        deadline: Instant,
        kept: Option<Box<dyn Any + Send>>,
    ) -> Vec<ServiceError> {
        self.end_run(deadline, kept).await
    }

    /// Says whether the service is to stay stopped when its group starts.
    pub(super) async fn hold(&self, held: bool) {
        self.instance.lock().await.held = held;
    }

    /// Stops what is left of a run that has failed or ended. `false`: there is no such run any more.
    pub(super) async fn end_failed_run(
        &self,
        run: &Arc<Run>,
        deadline: Instant,
        kept: Option<Box<dyn Any + Send>>,
    ) -> bool {
        let mut instance = self.instance.lock().await;
        if self.run().is_none_or(|current| !Arc::ptr_eq(&current, run)) {
            return false;
        }
        instance.kept = kept;
        let errors = instance.end(Limits::from_now(deadline), self).await;
        instance.log_all(errors);
        true
    }

    /// Starts the service again that has run before. Does nothing if it runs.
    pub(super) async fn resume(&self) -> Result<(), NotResumed> {
        let interrupt = self.interrupt();
        let start = async {
            let mut instance = self.instance.lock().await;
            if instance.phase == Phase::Running {
                return Ok(());
            }
            let Some(cx) = instance.cx.as_ref().map(Context::renewed) else {
                return Err(NotResumed::Interrupted);
            };
            let started = match instance.prepare(cx.privileged()) {
                Ok(()) => instance.begin(cx, self).await,
                Err(error) => Err(error),
            };
            started.map_err(NotResumed::Failed)?;
            instance.kept = None;
            Ok(())
        };
        tokio::select! {
            biased;
            () = interrupt.cancelled() => Err(NotResumed::Interrupted),
            resumed = start => resumed,
        }
    }

    /// Starts a service for the first time, in a group that runs.
    pub(super) async fn start_late(&self, cx: Context) -> Result<(), NotResumed> {
        let interrupt = self.interrupt();
        let start = async {
            let mut instance = self.instance.lock().await;
            instance.prepare(cx.privileged())?;
            instance.begin(cx, self).await
        };
        tokio::select! {
            biased;
            () = interrupt.cancelled() => Err(NotResumed::Interrupted),
            started = start => started.map_err(NotResumed::Failed),
        }
    }

    /// Gives back what was kept for a run that will not come.
    pub(super) async fn let_go(&self) {
        self.instance.lock().await.kept = None;
    }

    /// Cancelled when the service is to stop.
    pub(super) fn interrupt(&self) -> CancellationToken {
        self.interrupt.lock().clone()
    }

    // What is to be done when it fails.

    /// The run that the service is in. `None`: it does not run.
    pub(super) fn run(&self) -> Option<Arc<Run>> {
        self.run.lock().clone()
    }

    /// What follows from the end of a run, or of an attempt to start one.
    pub(super) fn ended(&self, failed: bool) -> (Verdict, u32) {
        match &mut *self.supervision.lock() {
            Some(supervision) => supervision.ended(failed),
            None => (Verdict::NotCovered, 1),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.interrupt.lock().cancel();
    }
}

impl Instance {
    fn new(service: Box<dyn Service>) -> Self {
        Self {
            service,
            phase: Phase::Idle,
            closed: false,
            cx: None,
            span: Span::none(),
            path: ServicePath::root(),
            kept: None,
            held: false,
        }
    }

    fn prepare(&mut self, cx: &PrivilegedContext) -> Result<(), ServiceError> {
        let start = AssertUnwindSafe(|| self.service.privileged_start(cx));
        let prepared = cx.span().in_scope(|| catch_unwind(start));
        prepared
            .unwrap_or_else(|panic| Err(panicked(panic)))
            .map_err(|cause| ServiceError::locate(cx.path(), Step::PrivilegedStart, cause))?;
        self.phase = Phase::Prepared;
        self.closed = false;
        self.path = cx.path().clone();
        self.span = cx.span().clone();
        Ok(())
    }

    async fn begin(&mut self, cx: Context, node: &Node) -> Result<(), ServiceError> {
        self.path = cx.path().clone();
        self.span = cx.span().clone();
        self.phase = Phase::Starting;
        self.closed = false;
        node.slot.set_state(State::Starting);
        *node.run.lock() = Some(cx.run().clone());
        let cx = &*self.cx.insert(cx);
        let start = AssertUnwindSafe(self.service.start(cx)).catch_unwind();
        let started = start.instrument(self.span.clone()).await;
        if let Err(cause) = started.unwrap_or_else(|panic| Err(panicked(panic))) {
            let error = ServiceError::locate(cx.path(), Step::Start, cause);
            self.phase = Phase::Idle;
            self.run_is_over(node);
            node.slot.set_state(State::Failed);
            node.slot.set_failure(&chain(&error));
            return Err(error);
        }
        self.phase = Phase::Running;
        node.slot.set_state(State::Running);
        if let Some(supervision) = &mut *node.supervision.lock() {
            supervision.started();
        }
        self.span.in_scope(|| debug!("started"));
        Ok(())
    }

    fn close(&mut self) {
        if self.phase == Phase::Idle || std::mem::replace(&mut self.closed, true) {
            return;
        }
        if let (Some(cx), Phase::Starting | Phase::Running) = (&self.cx, self.phase) {
            cx.run().close();
            cx.slot().set_state(State::Stopping);
        }
        let close = AssertUnwindSafe(|| self.service.close());
        if let Err(panic) = self.span.in_scope(|| catch_unwind(close)) {
            let error = ServiceError::locate(&self.path, Step::Close, panicked(panic));
            self.span.in_scope(|| error!("{}", chain(&error)));
        }
    }

    /// Ends the run. Returns what went wrong, in this service or below.
    async fn end(&mut self, limits: Limits, node: &Node) -> Vec<ServiceError> {
        self.close();
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle | Phase::Prepared => return Vec::new(),
            Phase::Starting | Phase::Running => {}
        }
        let stop = AssertUnwindSafe(self.service.stop(limits.deadline)).catch_unwind();
        let stop = timeout_at(limits.abandon, stop.instrument(self.span.clone()));
        let outcome = match stop.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(panicked(panic)),
            Err(_) => Err("it had not stopped at the deadline".into()),
        };
        self.run_is_over(node);
        node.slot.set_state(State::Stopped);
        match outcome {
            Ok(()) => {
                self.span.in_scope(|| info!("stopped"));
                Vec::new()
            }
            Err(cause) => StopErrors::flatten(&self.path, cause),
        }
    }

    fn run_is_over(&self, node: &Node) {
        *node.run.lock() = None;
        if let Some(cx) = &self.cx {
            cx.tree().forget_finds(&node.slot);
        }
    }

    fn log_all(&self, errors: Vec<ServiceError>) {
        for error in errors {
            self.span.in_scope(|| error!("{}", chain(&error)));
        }
    }
}
