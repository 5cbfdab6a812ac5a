//! The entries of the table of states, for those who read all of it often.

use super::counters::{AllCounters, version_of};
use super::slot::Slot;
use super::{ServiceReport, State};
use std::sync::Arc;

/// A service in the table of states. Returned by [`Tree::entries`](super::Tree::entries).
#[derive(Clone)]
pub struct Entry(Arc<Slot>);

impl Entry {
    pub(super) fn new(slot: Arc<Slot>) -> Self {
        Self(slot)
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// What is known about it now.
    pub fn report(&self) -> ServiceReport {
        self.0.report()
    }
}

/// What was last seen of a service, for those who look often whether it is worth reading its report again: ten thousand of
/// them are looked through in a few milliseconds.
pub struct Watch {
    entry: Entry,
    state: (State, u64),
    counters: AllCounters,
    /// The version of the counters, if they tell it.
    version: Option<u64>,
}

impl Watch {
    /// A service of which nothing has been seen.
    pub fn new(entry: Entry) -> Self {
        Self { entry, state: Default::default(), counters: AllCounters::default(), version: None }
    }

    /// The service.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Whether it is the service of this entry.
    pub fn is_of(&self, entry: &Entry) -> bool {
        Arc::ptr_eq(&self.entry.0, &entry.0)
    }

    /// Whether the state, the number of restarts or the set of counters are others than at the last call.
    pub fn is_in_another_state(&mut self) -> bool {
        let state = self.entry.0.state_and_restarts();
        let counters = self.entry.0.counted().others_than(&self.counters);
        let is_another = self.state != state || counters.is_some();
        self.state = state;
        self.counters = counters.unwrap_or(std::mem::take(&mut self.counters));
        is_another
    }

    /// Whether a counter has, or may have, another value than at the last call. This takes no lock.
    pub fn has_counted(&mut self) -> bool {
        let before = self.version;
        self.version = version_of(&self.counters);
        self.version.is_none() || self.version != before
    }
}
