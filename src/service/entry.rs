//! The entries of the table of states, for those who read all of it often.

use super::counters::{AllCounters, version_of};
use super::slot::Slot;
use super::{ServicePath, ServiceReport, State};
use std::sync::Arc;

/// A service in the table of states. Returned by [`Tree::entries`](super::Tree::entries).
#[derive(Clone)]
pub struct Entry {
    slot: Arc<Slot>,
    seen: Seen,
}

/// What is read of a slot at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) state: State,
    pub(super) restarts: u64,
    /// Where its set of counters is in memory.
    pub(super) counters: usize,
}

impl Entry {
    pub(super) fn new(slot: Arc<Slot>, seen: Seen) -> Self {
        Self { slot, seen }
    }

    /// What the service was doing when the entries were listed.
    pub fn state(&self) -> State {
        self.seen.state
    }

    /// Its path in the tree.
    pub fn path(&self) -> ServicePath {
        self.slot.path()
    }

    /// What is known about it now.
    pub fn report(&self) -> ServiceReport {
        self.slot.report()
    }
}

/// What was last seen of a service, for those who look often whether it is worth reading its report again: ten thousand of
/// them are looked through in a few milliseconds.
#[derive(Default)]
pub struct Watch {
    /// Kept, as the counters are, so that nothing else takes their place in memory.
    service: Option<(Arc<Slot>, Seen)>,
    counters: AllCounters,
    /// The version of the counters, if they tell it.
    version: Option<u64>,
}

impl Watch {
    /// Whether this entry is of another service than at the last call, or its state, the number of its restarts or the set
    /// of its counters are others. At the first call they are.
    pub fn sees_another(&mut self, entry: &Entry) -> bool {
        let is_same = self
            .service
            .as_ref()
            .is_some_and(|(slot, seen)| Arc::ptr_eq(slot, &entry.slot) && *seen == entry.seen);
        if !is_same {
            self.counters = entry.slot.counted().all(); // another set, if there is one meanwhile
            let counters = Arc::as_ptr(&self.counters).addr();
            self.service = Some((entry.slot.clone(), Seen { counters, ..entry.seen }));
        }
        !is_same
    }

    /// Whether one of its counters has, or may have, another value than at the last call. This takes no lock.
    pub fn has_counted(&mut self) -> bool {
        let before = self.version;
        self.version = version_of(&self.counters);
        self.version.is_none() || self.version != before
    }
}
