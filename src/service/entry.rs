//! The entries of the table of states, for those who read all of it often.

use super::slot::Slot;
use super::{ServiceReport, State};
use std::hash::{DefaultHasher, Hash, Hasher};
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

    /// A number that is another one whenever its state, the number of its restarts or its counters are others, or it is
    /// another service. `None`: that is not known.
    pub fn version(&self) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        Arc::as_ptr(&self.0).addr().hash(&mut hasher);
        self.0.hash_state(&mut hasher);
        self.0.counted().hash(&mut hasher)?;
        Some(hasher.finish())
    }
}
