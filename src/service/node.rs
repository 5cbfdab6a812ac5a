//! One service of a group: coordinates the calls to it, and interrupts them.

use super::error::guarded;
use super::instance::{Instance, Known};
use super::limits::{LATEST_DEADLINE, Limits};
use super::restart::{Supervision, Verdict};
use super::run::Run;
use super::slot::Slot;
use super::{
    Context, Files, Handle, Managed, PrivilegedContext, Restart, Service, ServiceError, Settings,
    State, Step, Update,
};
use crate::sync::Mutex;
use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{MutexGuard, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// A service in its slot.
pub(super) struct Node {
    known: Known,
    settings: Option<Arc<dyn Settings>>,
    kind: String,
    /// Whether it contains others, which have their own limits when it stops.
    is_group: bool,
    /// Whether it has been declared that it may run at the same time as another instance.
    may_overlap: bool,
    stops_last: bool,
    instance: tokio::sync::Mutex<Instance>,
    /// Cancelled when the service has to stop, or is dropped: an attempt to start it again is then abandoned. After
    /// that, there is a new one; `None` as long as nobody has asked for it.
    interrupt: Mutex<Option<CancellationToken>>,
}

/// Why a service does not run again.
pub(super) enum NotResumed {
    /// It must not run any more.
    Interrupted,
    Failed(ServiceError),
}

impl Node {
    pub(super) fn new(managed: Managed, slot: Arc<Slot>, is_group: bool) -> Self {
        let Managed { service, settings, restart, kind, may_overlap, .. } = managed;
        let stops_last = guarded(|| service.stops_last()).unwrap_or(false);
        Self {
            kind: kind.unwrap_or_default(),
            known: Known::new(slot, Supervision::new(restart)),
            settings: settings.map(Arc::from),
            is_group,
            may_overlap,
            stops_last,
            instance: tokio::sync::Mutex::new(Instance::new(service)),
            interrupt: Mutex::default(),
        }
    }

    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.known.slot
    }

    /// Puts it into the slot of a group, at the end, or in place of the one with its name.
    pub(super) fn enter(&self, group: &Arc<Slot>, name: &str, handle: Option<Handle>) {
        self.slot().set_kind(&self.kind, self.stops_last);
        self.slot().enter(group, name, handle);
    }

    pub(super) fn settings(&self) -> Option<Arc<dyn Settings>> {
        self.settings.clone()
    }

    pub(super) fn set_restart(&self, restart: Restart) {
        *self.known.supervision.lock() = Supervision::new(restart);
    }

    /// Inspects the service. `None`: it is being started or stopped.
    pub(super) fn inspect<R>(&self, look: impl FnOnce(&dyn Service) -> R) -> Option<R> {
        self.instance.try_lock().ok().map(|instance| look(&*instance.service))
    }

    /// The service's handle.
    ///
    /// # Errors
    /// If it panics.
    pub(super) fn handle(&self) -> Result<Option<Handle>, super::BoxError> {
        guarded(|| self.inspect(|service| service.handle()).flatten())
    }

    /// Waits for the instance, unless it is free. Tokio's lock would use up a part of the budget that the runtime gives
    /// to a task, even if it is free; ten thousand services that stop in one task would exhaust it.
    async fn lock(&self) -> MutexGuard<'_, Instance> {
        match self.instance.try_lock() {
            Ok(instance) => instance,
            Err(_) => self.instance.lock().await,
        }
    }

    /// Removes the service, which has been stopped.
    pub(super) async fn into_service(self: Arc<Self>) -> Box<dyn Service> {
        self.lock().await.take_out()
    }

    // The calls, in their order.

    pub(super) fn privileged_start(&self, cx: PrivilegedContext) -> Result<(), ServiceError> {
        if self.slot().is_held() {
            return Ok(());
        }
        match self.instance.try_lock() {
            Ok(mut instance) => instance.prepare(cx, &self.known),
            Err(_) => Err(ServiceError::locate(
                cx.path(),
                Step::PrivilegedStart,
                "it is already being started or stopped".into(),
            )),
        }
    }

    /// Starts the service in the group with this context.
    pub(super) async fn start(&self, group: &Context) -> Result<(), ServiceError> {
        let mut instance = self.lock().await;
        if self.slot().is_held() {
            return Ok(());
        }
        instance.begin(group, &self.known).await
    }

    /// Closes the service, unless others have to stop before it: then [`stop`](Self::stop) closes it.
    pub(super) fn close(&self) {
        if self.slot().waits_for_its_turn() {
            return;
        }
        // The task that is starting the service will see that it was interrupted. A task that is stopping it will
        // close it.
        if let Ok(mut instance) = self.instance.try_lock() {
            instance.close();
        }
    }

    /// Returns what went wrong in this service or below. If the future is dropped, this can be called again.
    pub(super) async fn stop(&self, deadline: Instant) -> Vec<ServiceError> {
        for stopped in self.slot().stops_after() {
            // Each of them is abandoned by then.
            let _ = timeout_at(deadline + LATEST_DEADLINE, stopped.cancelled()).await;
        }
        let errors = self.pause(deadline, None).await;
        drop(self.slot().take_turn());
        errors
    }

    /// Stops, with a deadline that may become earlier meanwhile.
    pub(super) async fn drain(&self, mut deadline: watch::Receiver<Instant>) -> Vec<ServiceError> {
        loop {
            let current = *deadline.borrow_and_update();
            tokio::select! {
                biased;
                errors = self.stop(current) => return errors,
                Ok(()) = deadline.changed() => {}
            }
        }
    }

    // What a reload does.

    /// Whether another instance may start while this one is running.
    pub(super) fn may_overlap(&self) -> bool {
        let asked = || guarded(|| self.inspect(|service| service.may_overlap()));
        self.may_overlap || asked().is_ok_and(|may| may.unwrap_or(false))
    }

    /// Prepares what a reload changes in the service, if it is running.
    pub(super) async fn reload(&self) -> Result<Update, ServiceError> {
        if self.slot().state() != State::Running {
            return Ok(Update::none()); // it reads everything anew when it starts
        }
        self.lock().await.reload().await
    }

    /// Checks the service as `poetryd check` does, in this process.
    pub(super) fn check(&self) -> Result<(), ServiceError> {
        let files = Files::new(None, PathBuf::new());
        let checked = guarded(|| self.inspect(|service| service.check(&files).map(drop)));
        let checked = checked.and_then(|checked| checked.unwrap_or(Ok(())));
        checked.map_err(|cause| ServiceError::locate(&self.slot().path(), Step::Start, cause))
    }

    /// Takes over the restart policy of another service. Returns whether it is another one.
    pub(super) fn restart_like(&self, other: &Node) -> bool {
        let restart = other.restart();
        let differs = self.restart() != restart;
        if differs {
            self.set_restart(restart);
        }
        differs
    }

    /// What happens when it fails.
    pub(super) fn restart(&self) -> Restart {
        let supervision = self.known.supervision.lock();
        supervision.as_ref().map_or_else(Restart::never, |supervision| supervision.policy().clone())
    }

    fn limits(&self, deadline: Instant) -> Limits {
        if self.is_group { Limits::of_group(deadline) } else { Limits::from_now(deadline) }
    }

    // Stops one service on its own, and starts it again.

    /// Stops the service. Its sockets are kept in `kept`, if it will [run again](Self::resume).
    pub(super) async fn pause(
        &self,
        deadline: Instant,
        kept: Option<Box<dyn Any + Send>>,
    ) -> Vec<ServiceError> {
        self.interrupt_others();
        let limits = self.limits(deadline);
        let Ok(mut instance) = timeout_at(limits.abandon, self.lock()).await else {
            let cause = "somebody else was still starting or stopping it at the deadline".into();
            return vec![ServiceError::locate(&self.slot().path(), Step::Stop, cause)];
        };
        instance.kept = kept;
        instance.end(limits, &self.known).await
    }

    /// Stops what is left of a run that has failed or finished. `false`: there is no such run any more.
    pub(super) async fn end_failed_run(
        &self,
        run: &Arc<Run>,
        deadline: Instant,
        kept: Option<Box<dyn Any + Send>>,
    ) -> bool {
        let mut instance = self.lock().await;
        if self.run().is_none_or(|current| !Arc::ptr_eq(&current, run)) {
            return false;
        }
        instance.kept = kept;
        let errors = instance.end(self.limits(deadline), &self.known).await;
        instance.log_all(errors);
        true
    }

    /// Starts the service in a group that has started, unless it is running. `group` returns the group's context; it is
    /// called when nobody else has the service, and returns none if the service should not run.
    pub(super) async fn resume(
        &self,
        group: impl FnOnce() -> Option<Context> + Send,
    ) -> Result<(), NotResumed> {
        let interrupt = self.interrupt();
        let start = async {
            let mut instance = self.lock().await;
            if instance.is_running() {
                return Ok(());
            }
            let group = group().ok_or(NotResumed::Interrupted)?;
            instance.prepare_and_begin(&group, &self.known).await.map_err(NotResumed::Failed)?;
            instance.kept = None;
            Ok(())
        };
        tokio::select! {
            biased;
            () = interrupt.cancelled() => Err(NotResumed::Interrupted),
            resumed = start => resumed,
        }
    }

    /// Releases what was kept for a run that will not happen.
    pub(super) async fn take_kept(&self) -> Option<Box<dyn Any + Send>> {
        self.lock().await.kept.take()
    }

    /// Cancelled when the service has to stop.
    pub(super) fn interrupt(&self) -> CancellationToken {
        self.interrupt.lock().get_or_insert_default().clone()
    }

    fn interrupt_others(&self) {
        let interrupt = self.interrupt.lock().take();
        interrupt.iter().for_each(CancellationToken::cancel);
    }

    // What to do when it fails.

    /// The current run of the service. `None`: it is not running.
    pub(super) fn run(&self) -> Option<Arc<Run>> {
        self.known.run()
    }

    /// What follows the end of a run, or of an attempt to start one. The policy of a service does not cover its
    /// first start.
    pub(super) fn ended(&self, failed: bool) -> (Verdict, u32) {
        self.known.ended(failed)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.interrupt_others();
    }
}
