//! Slots, in no particular order.

use super::{Slot, address};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// Slots, in no particular order. Those that are gone are removed from time to time.
#[derive(Default)]
pub(in crate::service) struct SlotSet {
    pub(super) slots: BTreeMap<usize, Weak<Slot>>,
    /// The number of slots at which this is done next.
    full_at: usize,
}

impl SlotSet {
    pub(in crate::service) fn insert(&mut self, slot: &Arc<Slot>) {
        if self.slots.len() >= self.full_at {
            self.slots.retain(|_, slot| slot.strong_count() > 0);
            self.full_at = 2 * self.slots.len().max(8);
        }
        self.slots.insert(address(slot), Arc::downgrade(slot));
    }

    pub(in crate::service) fn remove(&mut self, slot: &Arc<Slot>) {
        self.slots.remove(&address(slot));
    }

    pub(in crate::service) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(in crate::service) fn iter(&self) -> impl Iterator<Item = Arc<Slot>> {
        self.slots.values().filter_map(Weak::upgrade)
    }
}
