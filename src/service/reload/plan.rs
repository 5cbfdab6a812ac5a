//! What becomes of each service: the new tree, in order, with the services that stay and those that are new.

use super::ReloadReport;
use super::comparison::{Comparison, group_that_stays};
use crate::service::multi::Child;
use crate::service::node::Node;
use crate::service::replacement::inherit;
use crate::service::slot::{Slot, address, addresses_within, all_within};
use crate::service::{MultiService, ServiceError, ServicePath};
use std::collections::HashSet;
use std::sync::Arc;

/// A tree that a running one is changed into. As long as this is only a plan, the running tree is as it was.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) groups: Vec<Group>,
    /// What has to be started, in order: a new group before what it contains.
    pub(super) new: Vec<New>,
    pub(super) kept: Vec<Kept>,
    /// The services that go: a group before what it contains.
    pub(super) retired: Vec<Child>,
    pub(super) report: ReloadReport,
}

/// A group of the new tree.
pub(super) struct Group {
    /// The running group, or the new one.
    pub(super) group: MultiService,
    pub(super) children: Vec<(String, Child)>,
    /// The slot in which its services are found until the reload is committed.
    pub(super) stand_in: Arc<Slot>,
    /// The slot of the running group. `None`: the group is new.
    pub(super) running: Option<Arc<Slot>>,
    /// Whether new services in this group are started.
    runs: bool,
}

/// A service that has to be started.
pub(super) struct New {
    pub(super) node: Arc<Node>,
    /// The group in which it runs.
    pub(super) group: MultiService,
    pub(super) may_overlap: bool,
}

/// A service that stays.
pub(super) struct Kept {
    pub(super) node: Arc<Node>,
    /// The new service with the same settings, which is not started.
    pub(super) like: Arc<Node>,
}

/// Makes a plan.
struct Planner {
    comparison: Comparison,
    plan: Plan,
}

/// A place in both trees.
struct Place<'a> {
    path: ServicePath,
    running: Option<&'a MultiService>,
    new: &'a MultiService,
    stand_in: Arc<Slot>,
    /// Whether services in this group should be started.
    runs: bool,
}

impl Plan {
    /// Plans to change `running`, whose slot is `root`, into `new`.
    ///
    /// # Errors
    /// If a new service panics when it is asked for its handle.
    pub(super) fn make(
        running: &MultiService,
        new: &MultiService,
        root: &Arc<Slot>,
    ) -> Result<Self, ServiceError> {
        let comparison = Comparison::of(running, new);
        let mut planner = Planner { comparison, plan: Self::default() };
        let place = Place {
            path: ServicePath::root(),
            running: Some(running),
            new,
            stand_in: Slot::stand_in(root, None),
            runs: running.context().is_some(),
        };
        planner.plan_group(&place, Some(root.clone()))?;
        let mut plan = planner.plan;
        plan.report.join_replaced();
        Ok(plan)
    }

    /// Whether the plan still fits the running tree. A group may have failed, or been restarted, since the plan was
    /// made: then the new services in it would be started twice or never. And a service that stays may have found one
    /// that goes.
    pub(super) fn still_fits(&self) -> bool {
        let is_as_before = |group: &Group| {
            group.running.is_none() || group.group.context().is_some() == group.runs
        };
        let retired = || self.retired.iter().map(|retired| retired.node.slot());
        let going = addresses_within(retired());
        let goes = |user: &Arc<Slot>| user.is_retired() || going.contains(&address(user));
        let mut users = retired().flat_map(all_within).flat_map(|going| going.found_by());
        self.groups.iter().all(is_as_before) && users.all(|user| goes(&user))
    }
}

impl Planner {
    fn plan_group(
        &mut self,
        place: &Place<'_>,
        running: Option<Arc<Slot>>,
    ) -> Result<(), ServiceError> {
        let new = place.new.take_children();
        let names: HashSet<String> = new.iter().map(|(name, _)| name.clone()).collect();
        let mut children = Vec::new();
        for (name, child) in new {
            let child = self.plan_child(place, &name, child)?;
            children.push((name, child));
        }
        let before = place.running.map(MultiService::children).unwrap_or_default();
        for (name, child) in before.into_iter().filter(|(name, _)| !names.contains(name)) {
            if self.comparison.keeps(&place.path.child(&name)) {
                place.stand_in.also_contains(&name, child.node.slot());
                children.push((name, child));
            } else {
                self.retire(&place.path.child(&name), child);
            }
        }
        let group = place.running.unwrap_or(place.new).clone();
        let (stand_in, runs) = (place.stand_in.clone(), place.runs);
        self.plan.groups.push(Group { group, children, stand_in, running, runs });
        Ok(())
    }

    /// Returns the service that will be there: the one that is running or the new one.
    fn plan_child(
        &mut self,
        place: &Place<'_>,
        name: &str,
        new: Child,
    ) -> Result<Child, ServiceError> {
        let path = place.path.child(name);
        let before = place.running.and_then(|running| running.child(name));
        let stays = match before.as_ref() {
            Some(before) if new.is_plain_group => group_that_stays(before).is_some(),
            _ => self.comparison.keeps(&path),
        };
        match before {
            Some(before) if stays => {
                place.stand_in.also_contains(name, before.node.slot());
                self.plan.report.kept += usize::from(!new.is_plain_group);
                self.keep(place, path, &before, new)?;
                Ok(before)
            }
            before => {
                if let Some(before) = before {
                    new.node.slot().inherit(before.node.slot());
                    inherit(&new, &before);
                    self.retire(&path, before);
                }
                self.add(place, path, name, &new)?;
                Ok(new)
            }
        }
    }

    fn keep(
        &mut self,
        place: &Place<'_>,
        path: ServicePath,
        before: &Child,
        new: Child,
    ) -> Result<(), ServiceError> {
        let (node, slot) = (before.node.clone(), before.node.slot().clone());
        self.plan.kept.push(Kept { node, like: new.node });
        let (Some(running), Some(new)) = (&before.group, &new.group) else { return Ok(()) };
        if !before.is_plain_group {
            return Ok(());
        }
        let stand_in = Slot::stand_in(&slot, Some(&place.stand_in));
        let runs = running.context().is_some();
        let inner = Place { path, running: Some(running), new, stand_in, runs };
        self.plan_group(&inner, Some(slot))
    }

    fn add(
        &mut self,
        place: &Place<'_>,
        path: ServicePath,
        name: &str,
        new: &Child,
    ) -> Result<(), ServiceError> {
        let handle = new.handle(|| path.clone())?;
        new.node.enter(&place.stand_in, name, handle);
        if place.runs {
            let group = place.running.unwrap_or(place.new).clone();
            let (node, may_overlap) = (new.node.clone(), new.node.may_overlap());
            self.plan.new.push(New { node, group, may_overlap });
        }
        match &new.group {
            Some(group) if new.is_plain_group => {
                let (stand_in, runs) = (new.node.slot().clone(), place.runs);
                let runs = runs && !stand_in.is_held();
                self.plan_group(&Place { path, running: None, new: group, stand_in, runs }, None)
            }
            _ => {
                self.plan.report.added.push(path);
                Ok(())
            }
        }
    }

    fn retire(&mut self, path: &ServicePath, child: Child) {
        let inner = child.group.clone().filter(|_| child.is_plain_group);
        self.plan.retired.push(child);
        match inner {
            None => self.plan.report.removed.push(path.clone()),
            Some(group) => {
                for (name, child) in group.children() {
                    self.retire(&path.child(&name), child);
                }
            }
        }
    }
}
