//! A service as its group has it.

use super::error::guarded;
use super::node::Node;
use super::slot::Slot;
use super::{Handle, Managed, MultiService, ServiceError, ServicePath, Step};
use std::sync::Arc;

/// A service of a group.
#[derive(Clone)]
pub(super) struct Child {
    pub(super) node: Arc<Node>,
    /// What it holds itself.
    pub(super) group: Option<MultiService>,
}

impl Child {
    /// The service that will be at `path`, in this slot.
    ///
    /// # Errors
    /// If it panics when it is asked what it holds.
    pub(super) fn new(
        managed: Managed,
        slot: Arc<Slot>,
        path: &ServicePath,
    ) -> Result<Self, ServiceError> {
        let group = guarded(|| managed.service.children().cloned())
            .map_err(|panic| ServiceError::locate(path, Step::Start, panic))?;
        let node = Arc::new(Node::new(managed, slot, group.is_some()));
        Ok(Self { node, group })
    }

    /// What the service shows to others.
    ///
    /// # Errors
    /// If it panics.
    pub(super) fn handle(&self, path: &ServicePath) -> Result<Option<Handle>, ServiceError> {
        self.node.handle().map_err(|panic| ServiceError::locate(path, Step::Start, panic))
    }

    /// Takes over what belongs to the paths of the services that `old` holds.
    pub(super) fn inherit(&self, old: &Child) {
        let (Some(group), Some(old)) = (&self.group, &old.group) else { return };
        for (name, child) in group.children() {
            if let Some(before) = old.child(&name) {
                child.node.slot().inherit(before.node.slot());
                child.inherit(&before);
            }
        }
    }
}
