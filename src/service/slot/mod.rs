//! The slot of a service in the tree: everything that is known about the service there, whatever its workers do.
//!
//! A slot outlives restarts of its service, and is passed on when the service is replaced. Its locks are held
//! only for moments, never across an `.await`, and never two of them at the same time: any thread may read a slot
//! at any time.

mod family;
mod finds;
mod set;
mod state;

pub(in crate::service) use set::SlotSet;

use super::counters::Counted;
use super::{Handle, ServicePath, State};
use crate::sync::Mutex;
use indexmap::IndexMap;
use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// The slot of a service in the tree.
pub(in crate::service) struct Slot {
    inside: Mutex<Inside>,
    counted: Counted,
}

struct Inside {
    path: ServicePath,
    /// The group that contains the service. Dangling if there is none (it is the root, or has been removed).
    group: Weak<Slot>,
    /// The slots of the services that it contains, in order.
    children: Option<Box<IndexMap<String, Arc<Slot>>>>,
    /// Whether it belongs to a part of the service around it, and has no calls of its own.
    is_part: bool,
    /// Whether the service was stopped on its own: then it stays stopped when its group starts.
    held: bool,
    handle: Option<Handle>,
    kind: String,
    stops_last: bool,
    /// Which services this one has found, and which ones have found it, since their starts.
    finds: SlotSet,
    found_by: SlotSet,
    turn: Option<Box<Turn>>,
    /// Whether a reload has replaced or removed the service.
    is_retired: bool,
    /// Whether the order in which the services in here stop has been fixed.
    stops_in_order: bool,
    state: State,
    since: Instant,
    next_start: Option<Instant>,
    restarts: u64,
    status: Option<String>,
    failure: Option<String>,
}

/// A service's turn to stop. When it is dropped, the service has stopped.
#[derive(Default)]
pub(in crate::service) struct Turn {
    /// The services that stop before it. Each is cancelled when it has stopped.
    pub(in crate::service) after: Vec<CancellationToken>,
    pub(in crate::service) stopped: CancellationToken,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}

impl Default for Slot {
    fn default() -> Self {
        let inside = Inside {
            path: ServicePath::root(),
            group: Weak::new(),
            children: None,
            is_part: false,
            held: false,
            handle: None,
            kind: String::new(),
            stops_last: false,
            finds: SlotSet::default(),
            found_by: SlotSet::default(),
            turn: None,
            is_retired: false,
            stops_in_order: false,
            state: State::Stopped,
            since: Instant::now(),
            next_start: None,
            restarts: 0,
            status: None,
            failure: None,
        };
        Self { inside: Mutex::new(inside), counted: Counted::default() }
    }
}

impl Slot {
    pub(in crate::service) fn path(&self) -> ServicePath {
        self.inside.lock().path.clone()
    }

    pub(in crate::service) fn counted(&self) -> &Counted {
        &self.counted
    }
}

/// The addresses of these slots and of those within them.
pub(in crate::service) fn addresses_within<'a>(
    slots: impl IntoIterator<Item = &'a Arc<Slot>>,
) -> HashSet<usize> {
    slots.into_iter().flat_map(all_within).map(|slot| address(&slot)).collect()
}

/// Identifies a slot.
pub(in crate::service) fn address(slot: &Arc<Slot>) -> usize {
    Arc::as_ptr(slot).addr()
}

/// A slot and those within it.
pub(in crate::service) fn all_within(slot: &Arc<Slot>) -> Vec<Arc<Slot>> {
    let (mut all, mut ahead) = (Vec::new(), vec![slot.clone()]);
    while let Some(slot) = ahead.pop() {
        ahead.extend(slot.children());
        all.push(slot);
    }
    all
}
