//! Compares a running tree with a new one, by the names of the services.

use crate::service::error::guarded;
use crate::service::multi::Child;
use crate::service::slot::{Slot, all_within};
use crate::service::{MultiService, ServicePath, State};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tracing::error;

/// Which services of a running tree stay.
#[derive(Default)]
pub(super) struct Comparison {
    /// Services, by path, that have the same settings as before.
    same: HashMap<ServicePath, Arc<Slot>>,
    /// Services that were added while the tree was running, and that the new one does not have.
    added: HashSet<ServicePath>,
    /// Everything that the tree will have.
    paths: HashSet<ServicePath>,
}

impl Comparison {
    pub(super) fn of(running: &MultiService, new: &MultiService) -> Self {
        let mut comparison = Self::default();
        comparison.gather(&ServicePath::root(), Some(running), new);
        comparison.leave_out_finders_of_others();
        comparison
    }

    /// Whether the service at this path stays as it is.
    pub(super) fn keeps(&self, path: &ServicePath) -> bool {
        self.same.contains_key(path) || self.added.contains(path)
    }

    fn gather(&mut self, path: &ServicePath, running: Option<&MultiService>, new: &MultiService) {
        for (name, new_child) in new.children() {
            let path = path.child(&name);
            let before = running.and_then(|running| running.child(&name));
            if new_child.is_plain_group {
                let group = before.as_ref().and_then(group_that_stays);
                new_child.group.iter().for_each(|new| self.gather(&path, group, new));
            } else if let Some(before) = before.filter(|before| is_same(&path, before, &new_child))
            {
                self.same.insert(path.clone(), before.node.slot().clone());
            }
            self.paths.insert(path);
        }
        for (name, child) in running.map(MultiService::children).unwrap_or_default() {
            if child.is_added && !new.contains(&name) {
                self.added.insert(path.child(&name));
                self.paths.insert(path.child(&name));
            }
        }
    }

    /// A service stays only if every name that it has looked up leads to the same service, which stays, too.
    fn leave_out_finders_of_others(&mut self) {
        let mut finders: HashMap<ServicePath, Vec<ServicePath>> = HashMap::new();
        let mut leave_out = Vec::new();
        for (path, slot) in &self.same {
            for found in found_outside(slot) {
                let stays = self.resolve(path, found.name()).is_some_and(|at| at == found);
                if stays && self.keeps(&found) {
                    finders.entry(found).or_default().push(path.clone());
                } else {
                    leave_out.push(path.clone());
                }
            }
        }
        while let Some(path) = leave_out.pop() {
            if self.same.remove(&path).is_some() {
                leave_out.extend(finders.remove(&path).unwrap_or_default());
            }
        }
    }

    /// What a service at `from` finds with a name.
    fn resolve(&self, from: &ServicePath, name: &str) -> Option<ServicePath> {
        let groups = std::iter::successors(from.parent(), ServicePath::parent);
        groups.map(|group| group.child(name)).find(|path| self.paths.contains(path))
    }
}

/// The content of a running group that is also in the new tree. One that has failed is started anew.
pub(super) fn group_that_stays(before: &Child) -> Option<&MultiService> {
    let stays = before.is_plain_group && before.node.slot().state() != State::Failed;
    before.group.as_ref().filter(|_| stays)
}

/// Whether a service that is running has the settings of a new one. One that has failed is started anew.
fn is_same(path: &ServicePath, before: &Child, new: &Child) -> bool {
    let settings = (before.node.settings(), new.node.settings());
    let (Some(old_settings), Some(new_settings)) = settings else { return false };
    if before.is_plain_group || before.node.slot().state() == State::Failed {
        return false;
    }
    guarded(|| old_settings.same_as(&*new_settings)).unwrap_or_else(|panic| {
        error!(
            "the settings of the service {path} {panic} when they were compared; it is replaced"
        );
        false
    })
}

/// The paths of what a service, or one that it consists of, has found elsewhere.
fn found_outside(slot: &Arc<Slot>) -> Vec<ServicePath> {
    let found = all_within(slot).into_iter().flat_map(|inner| inner.finds());
    found.filter(|found| !found.is_within(slot)).map(|found| found.path()).collect()
}
