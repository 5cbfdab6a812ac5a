//! A service that replaces another one.

use super::MultiService;
use super::multi::Child;
use super::node::Node;
use std::sync::Arc;

/// A service that has replaced another one.
pub(super) struct Replacement {
    group: MultiService,
    old: Child,
    new: Arc<Node>,
}

impl Replacement {
    /// Puts a service of `group` in the slot of another one. `None`: that one is not there any more.
    pub(super) fn put(group: &MultiService, old: &Arc<Node>, new: Child) -> Option<Self> {
        let (node, own) = (new.node.clone(), new.clone());
        let old = group.exchange(old, new)?;
        inherit(&own, &old);
        old.node.slot().forget_children();
        Some(Self { group: group.clone(), old, new: node })
    }

    pub(super) fn node(&self) -> &Arc<Node> {
        &self.new
    }

    /// Puts the old one back. `false`: the new one has been removed meanwhile.
    pub(super) fn undo(self) -> bool {
        let was_there = self.group.exchange(&self.new, self.old).is_some();
        if was_there {
            self.new.slot().forget_children();
        }
        was_there
    }
}

/// Takes over what belongs to the paths of the services that `new` contains.
pub(super) fn inherit(new: &Child, old: &Child) {
    let (Some(new), Some(old)) = (&new.group, &old.group) else { return };
    for (name, child) in new.children() {
        if let Some(before) = old.child(&name) {
            child.node.slot().inherit(before.node.slot());
            inherit(&child, &before);
        }
    }
}
