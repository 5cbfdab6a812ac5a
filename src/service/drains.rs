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
use tokio_util::task::task_tracker::TaskTrackerToken;
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
#[derive(Default)]
pub(super) struct Drains {
    services: Mutex<BTreeMap<usize, OneDrain>>,
    /// What went wrong since the application was told to stop.
    errors: Mutex<Vec<ServiceError>>,
    tasks: TaskTracker,
    /// Has a token for each service that must not run at the same time as a new one.
    exclusive: TaskTracker,
}

struct OneDrain {
    slot: Arc<Slot>,
    deadline: watch::Sender<Instant>,
    /// `None`: it may run at the same time as a new one.
    exclusive: Option<TaskTrackerToken>,
}

impl Drains {
    /// The services that have not stopped yet.
    pub(super) fn list(&self) -> Vec<Draining> {
        let slots: Vec<Arc<Slot>> =
            self.services.lock().values().map(|one| one.slot.clone()).collect();
        let reports = slots.iter().map(|slot| Draining { service: slot.report() });
        let left = reports.filter(|draining| {
            !draining.service.is_group && draining.service.state != State::Stopped
        });
        let mut left: Vec<Draining> = left.collect();
        left.sort_by(|a, b| a.service.path.cmp(&b.service.path));
        left
    }

    /// Adds a service, which is listed until it [has stopped](Self::stopped). Returns its deadline, which may become
    /// earlier.
    pub(super) fn add(&self, slot: &Arc<Slot>, may_overlap: bool) -> watch::Receiver<Instant> {
        let (deadline, receiver) = watch::channel(Instant::now() + NO_DEADLINE);
        let exclusive = (!may_overlap).then(|| self.exclusive.token());
        let one = OneDrain { slot: slot.clone(), deadline, exclusive };
        self.services.lock().insert(address(slot), one);
        receiver
    }

    /// A task that stops services.
    pub(super) fn track<F: Future>(&self, task: F) -> impl Future<Output = F::Output> + use<F> {
        self.tasks.track_future(task)
    }

    /// The service in this slot has to stop by this deadline, if it is one of them.
    pub(super) fn hurry(&self, slot: &Arc<Slot>, deadline: Instant) {
        if let Some(one) = self.services.lock().get(&address(slot)) {
            one.hurry(deadline);
        }
    }

    /// Whether some of them must not run at the same time as a new one.
    pub(super) fn have_exclusive(&self) -> bool {
        !self.exclusive.is_empty()
    }

    /// Stops those, and their users, by this deadline.
    pub(super) async fn stop_exclusive(&self, deadline: Instant) {
        let is_exclusive = |one: &&OneDrain| one.exclusive.is_some();
        let exclusive: Vec<Arc<Slot>> = {
            let services = self.services.lock();
            services.values().filter(is_exclusive).map(|one| one.slot.clone()).collect()
        };
        for slot in exclusive {
            self.hurry(&slot, deadline);
            slot.users().iter().for_each(|user| self.hurry(user, deadline));
        }
        self.exclusive.close(); // no other one is added meanwhile
        self.exclusive.wait().await;
    }

    /// A service has stopped, cleanly if there are no errors.
    pub(super) fn stopped(&self, slot: &Arc<Slot>, errors: Vec<ServiceError>) {
        drop(self.services.lock().remove(&address(slot)));
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
        self.services.lock().values().for_each(|one| one.hurry(deadline));
        self.tasks.wait().await;
        self.tasks.reopen();
        std::mem::take(&mut *self.errors.lock())
    }
}

impl OneDrain {
    fn hurry(&self, deadline: Instant) {
        self.deadline.send_if_modified(|current| {
            let is_earlier = deadline < *current;
            if is_earlier {
                *current = deadline;
            }
            is_earlier
        });
    }
}
