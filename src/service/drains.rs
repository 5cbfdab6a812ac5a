//! The services that reloads have replaced or removed, and that finish what is in progress.

use super::slot::{Slot, address};
use super::{ServiceError, ServiceReport, State};
use crate::chain::chain;
use crate::sync::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::error;

/// Until the application is told to stop, there is no deadline. The clock can't represent that.
const NO_DEADLINE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A service that a reload has replaced or removed, and that finishes what is in progress.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Draining {
    /// What is known of it. Its state, its status line and its times are its own, not those of the service that is
    /// now at its path; the counters are those of the path.
    pub service: ServiceReport,
}

/// All of them.
pub(super) struct Drains {
    deadline: watch::Sender<Instant>,
    slots: Mutex<BTreeMap<usize, Arc<Slot>>>,
    /// What went wrong since the application was told to stop.
    errors: Mutex<Vec<ServiceError>>,
    tasks: TaskTracker,
}

impl Default for Drains {
    fn default() -> Self {
        let deadline = watch::Sender::new(Instant::now());
        Self {
            deadline,
            slots: Mutex::default(),
            errors: Mutex::default(),
            tasks: TaskTracker::new(),
        }
    }
}

impl Drains {
    /// The services that have not stopped yet.
    pub(super) fn list(&self) -> Vec<Draining> {
        let slots: Vec<Arc<Slot>> = self.slots.lock().values().cloned().collect();
        let reports = slots.iter().map(|slot| Draining { service: slot.report() });
        let left = reports.filter(|draining| draining.service.state != State::Stopped);
        let mut left: Vec<Draining> = left.collect();
        left.sort_by(|a, b| a.service.path.cmp(&b.service.path));
        left
    }

    /// Adds services, which `drain` stops, and which are listed until it says that they [have
    /// stopped](Self::stopped). It is given the deadline, which may become earlier.
    pub(super) fn begin<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        services: impl IntoIterator<Item = Arc<Slot>>,
        drain: impl FnOnce(Arc<Self>, watch::Receiver<Instant>) -> F,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.slots.lock().extend(services.into_iter().map(|slot| (address(&slot), slot)));
        if self.tasks.is_empty() {
            self.deadline.send_replace(Instant::now() + NO_DEADLINE);
        }
        self.tasks.track_future(drain(self.clone(), self.deadline.subscribe()))
    }

    /// A service has stopped, cleanly if there are no errors.
    pub(super) fn stopped(&self, slot: &Arc<Slot>, errors: Vec<ServiceError>) {
        self.slots.lock().remove(&address(slot));
        if self.tasks.is_closed() {
            return self.errors.lock().extend(errors);
        }
        for error in errors {
            error!("a service that was replaced or removed: {}", chain(&error));
        }
    }

    /// Stops them by this deadline. Returns what went wrong.
    pub(super) async fn stop(&self, deadline: Instant) -> Vec<ServiceError> {
        self.tasks.close();
        self.deadline.send_replace(deadline);
        self.tasks.wait().await;
        self.tasks.reopen();
        std::mem::take(&mut *self.errors.lock())
    }
}
