//! What services have found, and the order in which they stop.

use super::{Slot, Turn, address, all_within};
use crate::service::Handle;
use std::collections::HashSet;
use std::mem;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

impl Slot {
    pub(in crate::service) fn handle(&self) -> Option<Handle> {
        self.inside.lock().handle.clone()
    }

    /// The nearest slot named `name`: in the same group, then in the groups around it.
    pub(in crate::service) fn look_up(self: &Arc<Self>, name: &str) -> Option<Arc<Slot>> {
        self.and_around().skip(1).find_map(|group| group.child(name))
    }

    /// Records that the service here has found the one there.
    pub(in crate::service) fn has_found(self: &Arc<Self>, found: &Arc<Slot>) {
        self.inside.lock().finds.insert(found);
        found.inside.lock().found_by.insert(self);
    }

    /// Forgets what the service here has found. Returns whether there was anything.
    pub(in crate::service) fn forget_finds(self: &Arc<Self>) -> bool {
        let finds = mem::take(&mut self.inside.lock().finds);
        finds.iter().for_each(|found| found.inside.lock().found_by.remove(self));
        !finds.is_empty()
    }

    /// The services that this one has found.
    pub(in crate::service) fn finds(&self) -> Vec<Arc<Slot>> {
        self.inside.lock().finds.iter().collect()
    }

    /// How many services this one has found, including those that are not there any more.
    #[cfg(test)]
    pub(in crate::service) fn remembered(&self) -> usize {
        self.inside.lock().finds.slots.len()
    }

    /// The services that have found this one.
    pub(in crate::service) fn found_by(&self) -> Vec<Arc<Slot>> {
        self.inside.lock().found_by.iter().collect()
    }

    /// The services that have found the one here, or one within it, and are not within it themselves.
    pub(in crate::service) fn users(self: &Arc<Self>) -> Vec<Arc<Slot>> {
        let (mut users, mut known) = (Vec::new(), HashSet::new());
        for inner in all_within(self) {
            for user in inner.found_by() {
                if !user.is_within(self) && known.insert(address(&user)) {
                    users.push(user);
                }
            }
        }
        users
    }

    /// Records that a reload has replaced or removed the service here.
    pub(in crate::service) fn retire(&self) {
        self.inside.lock().is_retired = true;
    }

    pub(in crate::service) fn is_retired(&self) -> bool {
        self.inside.lock().is_retired
    }

    // The order in which services stop.

    /// Records that the order is fixed. `false`: it was already, here or in a group around it.
    pub(in crate::service) fn begin_to_stop_in_order(self: &Arc<Self>) -> bool {
        if self.and_around().any(|slot| slot.inside.lock().stops_in_order) {
            return false;
        }
        self.inside.lock().stops_in_order = true;
        true
    }

    pub(in crate::service) fn has_stopped_in_order(&self) {
        self.inside.lock().stops_in_order = false;
    }

    pub(in crate::service) fn set_turn(&self, turn: Turn) {
        self.inside.lock().turn = Some(Box::new(turn));
    }

    /// The services that have to stop before the one here. Each token is cancelled when its service has stopped.
    pub(in crate::service) fn stops_after(&self) -> Vec<CancellationToken> {
        self.inside.lock().turn.as_ref().map(|turn| turn.after.clone()).unwrap_or_default()
    }

    pub(in crate::service) fn take_turn(&self) -> Option<Box<Turn>> {
        self.inside.lock().turn.take()
    }

    /// Whether others have to stop before the service here may close.
    pub(in crate::service) fn waits_for_its_turn(&self) -> bool {
        self.inside.lock().turn.as_ref().is_some_and(|turn| !turn.after.is_empty())
    }
}
