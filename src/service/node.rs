//! One service of a group: who may call it when, and what interrupts whom.

use super::error::guarded;
use super::instance::{Instance, Known};
use super::limits::{LATEST_DEADLINE, Limits};
use super::restart::{Supervision, Verdict};
use super::run::Run;
use super::slot::Slot;
use super::{
    Context, Handle, Managed, PrivilegedContext, Restart, Service, ServiceError, Settings, Step,
};
use crate::sync::Mutex;
use std::any::Any;
use std::sync::Arc;
use tokio::sync::MutexGuard;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// A service in its slot.
pub(super) struct Node {
    known: Known,
    settings: Option<Arc<dyn Settings>>,
    /// Whether it holds others, which have their own limits when it stops.
    is_group: bool,
    instance: tokio::sync::Mutex<Instance>,
    /// Cancelled when the service is to stop, or is dropped: whoever wants to start it again gives up. There is a
    /// new one for those who come later; none, as long as nobody has asked for it.
    interrupt: Mutex<Option<CancellationToken>>,
}

/// Why a service does not run again.
pub(super) enum NotResumed {
    /// It is not to run any more.
    Interrupted,
    Failed(ServiceError),
}

impl Node {
    pub(super) fn new(managed: Managed, slot: Arc<Slot>, is_group: bool) -> Self {
        let Managed { service, settings, restart } = managed;
        Self {
            known: Known::new(slot, Supervision::new(restart)),
            settings: settings.map(Arc::from),
            is_group,
            instance: tokio::sync::Mutex::new(Instance::new(service)),
            interrupt: Mutex::default(),
        }
    }

    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.known.slot
    }

    pub(super) fn settings(&self) -> Option<Arc<dyn Settings>> {
        self.settings.clone()
    }

    pub(super) fn set_restart(&self, restart: Restart) {
        *self.known.supervision.lock() = Supervision::new(restart);
    }

    /// Looks at the service. `None`: it is being started or stopped just now.
    pub(super) fn inspect<R>(&self, look: impl FnOnce(&dyn Service) -> R) -> Option<R> {
        self.instance.try_lock().ok().map(|instance| look(&*instance.service))
    }

    /// What the service shows to others.
    ///
    /// # Errors
    /// If it panics.
    pub(super) fn handle(&self) -> Result<Option<Handle>, super::BoxError> {
        guarded(|| self.inspect(|service| service.handle()).flatten())
    }

    /// Waits for the instance, unless it is free: to ask Tokio's lock at once would cost a part of the turn that the
    /// runtime gives to a task, and ten thousand services that stop in one task would take each other's turns.
    async fn lock(&self) -> MutexGuard<'_, Instance> {
        match self.instance.try_lock() {
            Ok(instance) => instance,
            Err(_) => self.instance.lock().await,
        }
    }

    /// Takes the service out, which has been stopped.
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
                "it is being started or stopped already".into(),
            )),
        }
    }

    /// Starts the service in the group that has this context.
    pub(super) async fn start(&self, group: &Context) -> Result<(), ServiceError> {
        let mut instance = self.lock().await;
        if self.slot().is_held() {
            return Ok(());
        }
        instance.begin(group, &self.known).await
    }

    /// Closes the service, unless it is not its turn yet: then [`stop`](Self::stop) does.
    pub(super) fn close(&self) {
        if self.slot().waits_for_its_turn() {
            return;
        }
        // Whoever has the service now and starts it will see that it was interrupted; whoever stops it, closes it.
        if let Ok(mut instance) = self.instance.try_lock() {
            instance.close();
        }
    }

    /// Returns what went wrong, in this service or below.
    pub(super) async fn stop(&self, deadline: Instant) -> Vec<ServiceError> {
        let turn = self.slot().take_turn();
        for stopped in turn.iter().flat_map(|turn| &turn.after) {
            // Each of them is abandoned by then.
            let _ = timeout_at(deadline + LATEST_DEADLINE, stopped.cancelled()).await;
        }
        let errors = self.pause(deadline, None).await;
        drop(turn);
        errors
    }

    fn limits(&self, deadline: Instant) -> Limits {
        if self.is_group { Limits::of_group(deadline) } else { Limits::from_now(deadline) }
    }

    // Stopping one service alone, and starting it again.

    /// Stops the service. What it has of the process is kept in `kept`, if it is to [run again](Self::resume).
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

    /// Stops what is left of a run that has failed or ended. `false`: there is no such run any more.
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

    /// Starts the service in a group that has started, unless it runs. `group` gives the group's context when nobody
    /// else has the service; it has none if the service is not to run.
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

    /// Takes what was kept for a run that will not come.
    pub(super) async fn take_kept(&self) -> Option<Box<dyn Any + Send>> {
        self.lock().await.kept.take()
    }

    /// Cancelled when the service is to stop.
    pub(super) fn interrupt(&self) -> CancellationToken {
        self.interrupt.lock().get_or_insert_default().clone()
    }

    fn interrupt_others(&self) {
        let interrupt = self.interrupt.lock().take();
        interrupt.iter().for_each(CancellationToken::cancel);
    }

    // What is to be done when it fails.

    /// The run that the service is in. `None`: it does not run.
    pub(super) fn run(&self) -> Option<Arc<Run>> {
        self.known.run()
    }

    /// What follows from the end of a run, or of an attempt to start one. A service that has never started is not
    /// covered by its policy.
    pub(super) fn ended(&self, failed: bool) -> (Verdict, u32) {
        self.known.ended(failed)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.interrupt_others();
    }
}
