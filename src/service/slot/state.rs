//! The state of the service in a slot.

use super::{Inside, Slot};
use crate::service::entry::Seen;
use crate::service::{ServiceReport, State};
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Slot {
    pub(in crate::service) fn is_held(&self) -> bool {
        self.inside.lock().held
    }

    /// Sets whether the service stays stopped when its group starts.
    pub(in crate::service) fn hold(&self, held: bool) {
        self.inside.lock().held = held;
    }

    /// Sets what kind of service this is, and whether it stops after all others.
    pub(in crate::service) fn set_kind(&self, kind: &str, stops_last: bool) {
        let mut inside = self.inside.lock();
        (inside.kind, inside.stops_last) = (kind.into(), stops_last);
    }

    /// Whether it stops after all others.
    pub(in crate::service) fn stops_last(&self) -> bool {
        self.inside.lock().stops_last
    }

    pub(in crate::service) fn state(&self) -> State {
        self.inside.lock().state
    }

    pub(in crate::service) fn set_state(&self, state: State) {
        let mut inside = self.inside.lock();
        inside.next_start = None;
        inside.enter_state(state);
        if state == State::Starting {
            inside.status = None;
        }
    }

    /// The service will be started again after this time.
    pub(in crate::service) fn set_waiting(&self, after: Duration) {
        let mut inside = self.inside.lock();
        inside.enter_state(State::Waiting);
        inside.next_start = Instant::now().checked_add(after);
    }

    /// If the service was about to be started again, that will not happen.
    pub(in crate::service) fn waits_no_longer(&self) {
        if self.state() == State::Waiting {
            self.set_state(State::Stopped);
        }
    }

    /// Records why the service has failed.
    pub(in crate::service) fn set_failure(&self, failure: &str) {
        self.inside.lock().failure = Some(failure.into());
    }

    pub(in crate::service) fn count_restart(&self) {
        self.inside.lock().restarts += 1;
    }

    pub(in crate::service) fn set_status(&self, status: String) {
        self.inside.lock().status = Some(status);
    }

    /// What it does, and the slots of the services that it contains.
    pub(in crate::service) fn look(&self) -> (Seen, Vec<Arc<Slot>>) {
        let counters = self.counted.place();
        let inside = self.inside.lock();
        let children = inside.children.iter().flat_map(|children| children.values()).cloned();
        let (state, restarts) = (inside.state, inside.restarts);
        (Seen { state, restarts, counters }, children.collect())
    }

    pub(in crate::service) fn report(&self) -> ServiceReport {
        let counters = self.counted.read();
        let inside = self.inside.lock();
        ServiceReport {
            path: inside.path.clone(),
            kind: inside.kind.clone(),
            is_group: inside.children.is_some(),
            state: inside.state,
            since: inside.since,
            status: inside.status.clone(),
            failure: inside.failure.clone(),
            restarts: inside.restarts,
            next_start: inside.next_start,
            counters,
        }
    }
}

impl Inside {
    fn enter_state(&mut self, state: State) {
        if self.state != state {
            (self.state, self.since) = (state, Instant::now());
        }
    }
}
