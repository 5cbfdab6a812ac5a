//! The slot of a service in the tree: everything that is known about the service there, whatever its workers do.
//!
//! A slot outlives restarts of its service, and is passed on when the service is replaced. Its locks are held
//! only for moments, never across an `.await`, and never two of them at the same time: any thread may read a slot
//! at any time.

use super::counters::Counted;
use super::{Handle, ServicePath, ServiceReport, State};
use crate::sync::Mutex;
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The slot of a service in the tree.
pub(super) struct Slot {
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
    /// Which services this one has found, and which ones have found it, since their starts.
    finds: SlotSet,
    found_by: SlotSet,
    turn: Option<Box<Turn>>,
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
pub(super) struct Turn {
    /// The services that stop before it. Each is cancelled when it has stopped.
    pub(super) after: Vec<CancellationToken>,
    pub(super) stopped: CancellationToken,
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
            finds: SlotSet::default(),
            found_by: SlotSet::default(),
            turn: None,
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
    pub(super) fn path(&self) -> ServicePath {
        self.inside.lock().path.clone()
    }

    pub(super) fn counted(&self) -> &Counted {
        &self.counted
    }

    // The tree of slots.

    /// Puts the service of this slot into a group, at the end, or in place of the one with its name.
    pub(super) fn enter(self: &Arc<Self>, group: &Arc<Slot>, name: &str, handle: Option<Handle>) {
        let path = group.path().child(name);
        self.join(group, path);
        let before = mem::replace(&mut self.inside.lock().handle, handle);
        drop(before); // runs a service's own code, so no lock is held
        let mut group = group.inside.lock();
        group.children.get_or_insert_default().insert(name.into(), self.clone());
    }

    /// A slot for a context that does not belong to a service of a group.
    pub(super) fn within(group: &Arc<Slot>, name: &str) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        slot.join(group, group.path().child(name));
        slot.inside.lock().is_part = true;
        slot
    }

    /// Declares that the service here is a group, even if it is empty.
    pub(super) fn becomes_group(&self) {
        self.inside.lock().children.get_or_insert_default();
    }

    fn join(&self, group: &Arc<Slot>, path: ServicePath) {
        let mut inside = self.inside.lock();
        inside.path = path;
        inside.group = Arc::downgrade(group);
    }

    /// Removes the service named `name` from this group. Its slot no longer belongs to a group.
    pub(super) fn remove(&self, name: &str) {
        let removed = {
            let mut inside = self.inside.lock();
            inside.children.as_mut().and_then(|children| children.shift_remove(name))
        };
        if let Some(removed) = removed {
            removed.inside.lock().group = Weak::new();
        }
    }

    /// Records that the service here contains nothing, as far as is known.
    pub(super) fn forget_children(&self) {
        let children = self.inside.lock().children.take();
        drop(children); // no lock is held
    }

    /// Takes over what belongs to the path, whatever service is there.
    pub(super) fn inherit(&self, before: &Slot) {
        let held = before.is_held();
        self.counted.inherit(&before.counted);
        self.inside.lock().held = held;
    }

    /// The slot of the service that this is a part of.
    pub(super) fn owner(self: &Arc<Self>) -> Arc<Slot> {
        let is_whole = |slot: &Arc<Slot>| !slot.inside.lock().is_part;
        self.and_around().find(is_whole).unwrap_or_else(|| self.clone())
    }

    pub(super) fn group(&self) -> Option<Arc<Slot>> {
        self.inside.lock().group.upgrade()
    }

    pub(super) fn child(&self, name: &str) -> Option<Arc<Slot>> {
        self.inside.lock().children.as_ref()?.get(name).cloned()
    }

    /// The slots in this one, in order.
    pub(super) fn children(&self) -> Vec<Arc<Slot>> {
        let inside = self.inside.lock();
        inside.children.iter().flat_map(|children| children.values().cloned()).collect()
    }

    /// This slot and those around it, from the inside out.
    pub(super) fn and_around(self: &Arc<Self>) -> impl Iterator<Item = Arc<Slot>> + use<> {
        std::iter::successors(Some(self.clone()), |slot| slot.group())
    }

    pub(super) fn is_within(self: &Arc<Self>, other: &Arc<Slot>) -> bool {
        self.and_around().any(|slot| Arc::ptr_eq(&slot, other))
    }

    /// The indices on the path from the root to this slot. Services start in the order of these.
    pub(super) fn position(self: &Arc<Self>) -> Vec<usize> {
        let index = |slot: &Arc<Slot>| -> Option<usize> {
            let (group, path) = (slot.group()?, slot.path());
            let group = group.inside.lock();
            group.children.as_ref()?.get_index_of(path.name())
        };
        let mut position: Vec<usize> = self.and_around().filter_map(|slot| index(&slot)).collect();
        position.reverse();
        position
    }

    // What services find.

    pub(super) fn handle(&self) -> Option<Handle> {
        self.inside.lock().handle.clone()
    }

    /// The nearest slot named `name`: in the same group, then in the groups around it.
    pub(super) fn look_up(self: &Arc<Self>, name: &str) -> Option<Arc<Slot>> {
        self.and_around().skip(1).find_map(|group| group.child(name))
    }

    /// Records that the service here has found the one there.
    pub(super) fn has_found(self: &Arc<Self>, found: &Arc<Slot>) {
        self.inside.lock().finds.insert(found);
        found.inside.lock().found_by.insert(self);
    }

    /// Forgets what the service here has found. Returns whether there was anything.
    pub(super) fn forget_finds(self: &Arc<Self>) -> bool {
        let finds = mem::take(&mut self.inside.lock().finds);
        finds.iter().for_each(|found| found.inside.lock().found_by.remove(self));
        !finds.is_empty()
    }

    /// The services that this one has found.
    pub(super) fn finds(&self) -> Vec<Arc<Slot>> {
        self.inside.lock().finds.iter().collect()
    }

    /// How many services this one has found, including those that are not there any more.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.inside.lock().finds.slots.len()
    }

    /// The services that have found this one.
    pub(super) fn found_by(&self) -> Vec<Arc<Slot>> {
        self.inside.lock().found_by.iter().collect()
    }

    // The order in which services stop.

    /// Records that the order is fixed. `false`: it was already, here or in a group around it.
    pub(super) fn begin_to_stop_in_order(self: &Arc<Self>) -> bool {
        if self.and_around().any(|slot| slot.inside.lock().stops_in_order) {
            return false;
        }
        self.inside.lock().stops_in_order = true;
        true
    }

    pub(super) fn has_stopped_in_order(&self) {
        self.inside.lock().stops_in_order = false;
    }

    pub(super) fn set_turn(&self, turn: Turn) {
        self.inside.lock().turn = Some(Box::new(turn));
    }

    pub(super) fn take_turn(&self) -> Option<Box<Turn>> {
        self.inside.lock().turn.take()
    }

    /// Whether others have to stop before the service here may close.
    pub(super) fn waits_for_its_turn(&self) -> bool {
        self.inside.lock().turn.as_ref().is_some_and(|turn| !turn.after.is_empty())
    }

    // The state of the service.

    pub(super) fn is_held(&self) -> bool {
        self.inside.lock().held
    }

    /// Sets whether the service stays stopped when its group starts.
    pub(super) fn hold(&self, held: bool) {
        self.inside.lock().held = held;
    }

    pub(super) fn set_kind(&self, kind: &str) {
        self.inside.lock().kind = kind.into();
    }

    pub(super) fn state(&self) -> State {
        self.inside.lock().state
    }

    pub(super) fn set_state(&self, state: State) {
        let mut inside = self.inside.lock();
        inside.next_start = None;
        inside.enter_state(state);
        if state == State::Starting {
            inside.status = None;
        }
    }

    /// The service will be started again after this time.
    pub(super) fn set_waiting(&self, after: Duration) {
        let mut inside = self.inside.lock();
        inside.enter_state(State::Waiting);
        inside.next_start = Instant::now().checked_add(after);
    }

    /// If the service was about to be started again, that will not happen.
    pub(super) fn waits_no_longer(&self) {
        if self.state() == State::Waiting {
            self.set_state(State::Stopped);
        }
    }

    /// Records why the service has failed.
    pub(super) fn set_failure(&self, failure: &str) {
        self.inside.lock().failure = Some(failure.into());
    }

    pub(super) fn count_restart(&self) {
        self.inside.lock().restarts += 1;
    }

    pub(super) fn set_status(&self, status: String) {
        self.inside.lock().status = Some(status);
    }

    pub(super) fn report(&self) -> ServiceReport {
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

/// Slots, in no particular order. Those that are gone are removed from time to time.
#[derive(Default)]
pub(super) struct SlotSet {
    slots: BTreeMap<usize, Weak<Slot>>,
    /// The number of slots at which this is done next.
    full_at: usize,
}

impl SlotSet {
    pub(super) fn insert(&mut self, slot: &Arc<Slot>) {
        if self.slots.len() >= self.full_at {
            self.slots.retain(|_, slot| slot.strong_count() > 0);
            self.full_at = 2 * self.slots.len().max(8);
        }
        self.slots.insert(address(slot), Arc::downgrade(slot));
    }

    pub(super) fn remove(&mut self, slot: &Arc<Slot>) {
        self.slots.remove(&address(slot));
    }

    fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Arc<Slot>> {
        self.slots.values().filter_map(Weak::upgrade)
    }
}

/// Identifies a slot.
pub(super) fn address(slot: &Arc<Slot>) -> usize {
    Arc::as_ptr(slot).addr()
}
