//! The tree of slots.

use super::Slot;
use crate::service::{Handle, ServicePath};
use std::mem;
use std::sync::{Arc, Weak};

impl Slot {
    /// Puts the service of this slot into a group, at the end, or in place of the one with its name.
    pub(in crate::service) fn enter(
        self: &Arc<Self>,
        group: &Arc<Slot>,
        name: &str,
        handle: Option<Handle>,
    ) {
        let path = group.path().child(name);
        self.join(group, path);
        let before = mem::replace(&mut self.inside.lock().handle, handle);
        drop(before); // runs a service's own code, so no lock is held
        let mut group = group.inside.lock();
        group.children.get_or_insert_default().insert(name.into(), self.clone());
    }

    /// A slot for a context that does not belong to a service of a group.
    pub(in crate::service) fn within(group: &Arc<Slot>, name: &str) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        slot.join(group, group.path().child(name));
        slot.inside.lock().is_part = true;
        slot
    }

    /// A slot that stands in for that of a group: services that belong to it look up what it contains, while the
    /// group's own slot is as it was.
    pub(in crate::service) fn stand_in(of: &Slot, group: Option<&Arc<Slot>>) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        {
            let mut inside = slot.inside.lock();
            inside.path = of.path();
            inside.group = group.map_or(Weak::new(), Arc::downgrade);
            inside.children.get_or_insert_default();
        }
        slot
    }

    /// Lets services find the one in this slot in this group, too.
    pub(in crate::service) fn also_contains(&self, name: &str, slot: &Arc<Slot>) {
        let mut inside = self.inside.lock();
        inside.children.get_or_insert_default().insert(name.into(), slot.clone());
    }

    /// Moves a service into another group, which contains it already.
    pub(in crate::service) fn belongs_to(&self, group: &Arc<Slot>) {
        self.inside.lock().group = Arc::downgrade(group);
    }

    /// Takes over what another slot contains, and leaves it what this one has contained.
    pub(in crate::service) fn exchange_children(&self, other: &Slot) {
        let theirs = other.inside.lock().children.take();
        let ours = mem::replace(&mut self.inside.lock().children, theirs);
        other.inside.lock().children = ours;
    }

    /// Declares that the service here is a group, even if it is empty.
    pub(in crate::service) fn becomes_group(&self) {
        self.inside.lock().children.get_or_insert_default();
    }

    fn join(&self, group: &Arc<Slot>, path: ServicePath) {
        let mut inside = self.inside.lock();
        inside.path = path;
        inside.group = Arc::downgrade(group);
    }

    /// Removes the service named `name` from this group. Its slot no longer belongs to a group.
    pub(in crate::service) fn remove(&self, name: &str) {
        let removed = {
            let mut inside = self.inside.lock();
            inside.children.as_mut().and_then(|children| children.shift_remove(name))
        };
        if let Some(removed) = removed {
            removed.inside.lock().group = Weak::new();
        }
    }

    /// Records that the service here contains nothing, as far as is known.
    pub(in crate::service) fn forget_children(&self) {
        let children = self.inside.lock().children.take();
        drop(children); // no lock is held
    }

    /// Takes over what belongs to the path, whatever service is there.
    pub(in crate::service) fn inherit(&self, before: &Slot) {
        let held = before.is_held();
        self.counted.inherit(&before.counted);
        self.inside.lock().held = held;
    }

    /// The slot of the service that this is a part of.
    pub(in crate::service) fn owner(self: &Arc<Self>) -> Arc<Slot> {
        let is_whole = |slot: &Arc<Slot>| !slot.inside.lock().is_part;
        self.and_around().find(is_whole).unwrap_or_else(|| self.clone())
    }

    pub(in crate::service) fn group(&self) -> Option<Arc<Slot>> {
        self.inside.lock().group.upgrade()
    }

    pub(in crate::service) fn child(&self, name: &str) -> Option<Arc<Slot>> {
        self.inside.lock().children.as_ref()?.get(name).cloned()
    }

    /// The slots in this one, in order.
    pub(in crate::service) fn children(&self) -> Vec<Arc<Slot>> {
        let inside = self.inside.lock();
        inside.children.iter().flat_map(|children| children.values().cloned()).collect()
    }

    /// This slot and those around it, from the inside out.
    pub(in crate::service) fn and_around(
        self: &Arc<Self>,
    ) -> impl Iterator<Item = Arc<Slot>> + use<> {
        std::iter::successors(Some(self.clone()), |slot| slot.group())
    }

    pub(in crate::service) fn is_within(self: &Arc<Self>, other: &Arc<Slot>) -> bool {
        self.and_around().any(|slot| Arc::ptr_eq(&slot, other))
    }

    /// The indices on the path from the root to this slot. Services start in the order of these.
    pub(in crate::service) fn position(self: &Arc<Self>) -> Vec<usize> {
        let index = |slot: &Arc<Slot>| -> Option<usize> {
            let (group, path) = (slot.group()?, slot.path());
            let group = group.inside.lock();
            group.children.as_ref()?.get_index_of(path.name())
        };
        let mut position: Vec<usize> = self.and_around().filter_map(|slot| index(&slot)).collect();
        position.reverse();
        position
    }
}
