//! Finds services of a group, by name and by path.

use super::{Child, MultiService};
use crate::service::ServicePath;
use crate::service::node::Node;
use std::sync::Arc;

impl MultiService {
    pub(in crate::service) fn child(&self, name: &str) -> Option<Child> {
        self.0.lock().children.get(name).cloned()
    }

    pub(in crate::service) fn children(&self) -> Vec<(String, Child)> {
        self.0.lock().named()
    }

    pub(super) fn node(&self, name: &str) -> Option<Arc<Node>> {
        self.child(name).map(|child| child.node)
    }

    /// The group at `path`, relative to this one. `None`: there is none, or the service there is not a group.
    pub(in crate::service) fn group(&self, path: &ServicePath) -> Option<MultiService> {
        let inner = |group: MultiService, name: &str| group.child(name)?.group;
        path.names().try_fold(self.clone(), inner)
    }

    /// The service at `path`, relative to this one, and the group that contains it.
    pub(in crate::service) fn locate(
        &self,
        path: &ServicePath,
    ) -> Option<(MultiService, Arc<Node>)> {
        let group = self.group(&path.parent()?)?;
        let node = group.node(path.name())?;
        Some((group, node))
    }

    /// The service at `path`, or the innermost one around it, and the group that contains that.
    pub(in crate::service) fn nearest(
        &self,
        path: &ServicePath,
    ) -> Option<(MultiService, Arc<Node>)> {
        let mut around = std::iter::successors(Some(path.clone()), ServicePath::parent);
        around.find_map(|path| self.locate(&path))
    }

    pub(super) fn nodes(&self) -> Vec<Arc<Node>> {
        self.0.lock().children.values().map(|child| child.node.clone()).collect()
    }
}
