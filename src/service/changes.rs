//! Changes of a running tree.

use super::node::{Node, NotResumed};
use super::request::{Change, IfFound};
use super::slot::Slot;
use super::{
    AddError, Managed, MultiService, Resources, ServiceError, ServicePath, StopErrors, Tree,
    TreeError,
};
use std::any::Any;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::{error, info};

/// Makes changes of one tree.
pub(super) struct Changes<'a> {
    services: &'a MultiService,
    tree: &'a Tree,
    resources: &'a Resources,
    /// Services that ought to run, but failed to start again.
    failed: Vec<Arc<Node>>,
}

impl<'a> Changes<'a> {
    pub(super) fn new(
        services: &'a MultiService,
        tree: &'a Tree,
        resources: &'a Resources,
    ) -> Self {
        Self { services, tree, resources, failed: Vec::new() }
    }

    /// The services that ought to run, but failed to start again.
    pub(super) fn failed(self) -> Vec<Arc<Node>> {
        self.failed
    }

    pub(super) async fn make(&mut self, change: Change) -> Result<(), TreeError> {
        let made = match change {
            Change::Add { group, name, service } => self.add(&group, name, service).await,
            Change::Remove { path, if_found } => self.remove(&path, if_found).await,
            Change::Replace { path, service } => self.replace(&path, service).await,
            Change::Restart { path } => self.restart(&path).await,
            Change::Stop { path, if_found } => self.stop(&path, if_found).await,
            Change::Start { path } => self.start(&path).await,
        };
        if let Some(belongings) = self.resources.belongings() {
            belongings.let_go();
        }
        made
    }

    async fn add(
        &self,
        group_path: &ServicePath,
        name: String,
        service: Managed,
    ) -> Result<(), TreeError> {
        let Some(group) = self.services.group(group_path) else {
            return Err(match self.services.locate(group_path) {
                Some(_) => TreeError::NotAGroup(group_path.clone()),
                None => TreeError::Unknown(group_path.clone()),
            });
        };
        if !group.running() {
            return Err(TreeError::GroupNotRunning(group_path.clone()));
        }
        let path = group_path.child(&name);
        group.add_and_start(name, service).await?;
        info!("added the service {path}");
        Ok(())
    }

    async fn remove(&self, path: &ServicePath, if_found: IfFound) -> Result<(), TreeError> {
        let (group, node) = self.locate(path)?;
        self.refuse_if_found(&node, if_found)?;
        let Some((_, outcome)) = group.remove(path.name(), self.deadline()).await else {
            return Err(TreeError::Unknown(path.clone()));
        };
        log(outcome.err());
        info!("removed the service {path}");
        Ok(())
    }

    async fn stop(&self, path: &ServicePath, if_found: IfFound) -> Result<(), TreeError> {
        let (_, node) = self.locate(path)?;
        self.refuse_if_found(&node, if_found)?;
        node.hold(true).await;
        self.pause(&node).await;
        Ok(())
    }

    async fn start(&mut self, path: &ServicePath) -> Result<(), TreeError> {
        let (_, node) = self.locate_in_running_group(path)?;
        node.hold(false).await;
        self.resume(&node).await
    }

    async fn restart(&mut self, path: &ServicePath) -> Result<(), TreeError> {
        let (_, node) = self.locate_in_running_group(path)?;
        node.hold(false).await;
        self.pause(&node).await;
        self.resume(&node).await
    }

    async fn replace(&mut self, path: &ServicePath, service: Managed) -> Result<(), TreeError> {
        let (group, old) = self.locate_in_running_group(path)?;
        let users = users_of_users(old.slot());
        let users: Vec<Arc<Node>> =
            users.iter().filter_map(|user| Some(self.services.locate(&user.path())?.1)).collect();
        for user in users.iter().rev() {
            self.pause(user).await;
        }
        let kept = self.keep(path);
        self.pause(&old).await;
        let replaced = self.put_in_place(&group, path, service).await;
        drop(kept);
        if replaced.is_err() {
            let back = self.resume(&old).await;
            back.unwrap_or_else(|e| error!("{path} can't be started again: {e}"));
        }
        for user in &users {
            let again = self.resume(user).await;
            again.unwrap_or_else(|e| error!("{e}"));
        }
        replaced
    }

    /// Starts a service in the place of one that has stopped; if it does not start, the other one is back.
    async fn put_in_place(
        &self,
        group: &MultiService,
        path: &ServicePath,
        service: Managed,
    ) -> Result<(), TreeError> {
        let Some(cx) = group.context() else {
            return Err(TreeError::GroupNotRunning(path.parent().unwrap_or(path.clone())));
        };
        let Some((node, swapped)) = group.swap(path.name(), service) else {
            return Err(TreeError::Unknown(path.clone()));
        };
        let slot = node.slot();
        slot.enter(cx.slot(), path.name(), node.handle());
        let started = node.start_late(cx.of_service(slot)).await;
        if started.is_err() {
            slot.enter(cx.slot(), path.name(), swapped.old().handle());
            swapped.undo();
        } else {
            info!("replaced the service {path}");
        }
        started.map_err(|e| not_started(path, e))
    }

    fn locate(&self, path: &ServicePath) -> Result<(MultiService, Arc<Node>), TreeError> {
        self.services.locate(path).ok_or_else(|| TreeError::Unknown(path.clone()))
    }

    fn locate_in_running_group(
        &self,
        path: &ServicePath,
    ) -> Result<(MultiService, Arc<Node>), TreeError> {
        let (group, node) = self.locate(path)?;
        if !group.running() {
            return Err(TreeError::GroupNotRunning(path.parent().unwrap_or(path.clone())));
        }
        Ok((group, node))
    }

    fn refuse_if_found(&self, node: &Node, if_found: IfFound) -> Result<(), TreeError> {
        let users = users(node.slot());
        if if_found == IfFound::StopAnyway || users.is_empty() {
            return Ok(());
        }
        let mut by: Vec<ServicePath> = users.iter().map(|user| user.path()).collect();
        by.sort();
        Err(TreeError::InUse { path: node.slot().path(), by })
    }

    /// Stops a service that will run again. What it has of the process is kept.
    async fn pause(&self, node: &Node) {
        let kept = self.keep(&node.slot().path());
        let errors = node.pause(self.deadline(), kept).await;
        errors.iter().for_each(|e: &ServiceError| error!("{e}"));
    }

    async fn resume(&mut self, node: &Arc<Node>) -> Result<(), TreeError> {
        let resumed = node.resume().await;
        if let Err(NotResumed::Failed(_)) = resumed {
            self.failed.push(node.clone());
        }
        resumed.map_err(|e| not_started(&node.slot().path(), e))
    }

    fn keep(&self, path: &ServicePath) -> Option<Box<dyn Any + Send>> {
        self.resources.belongings().map(|belongings| belongings.keep(path))
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.tree.stop_timeout()
    }
}

fn not_started(path: &ServicePath, why: NotResumed) -> TreeError {
    match why {
        NotResumed::Failed(error) => TreeError::Start(error),
        NotResumed::Interrupted => AddError::Interrupted(path.clone()).into(),
    }
}

fn log(errors: Option<StopErrors>) {
    errors.iter().for_each(|errors| error!("{errors}"));
}

/// Who has found the service in this slot, or one in it, and is not in it.
fn users(slot: &Arc<Slot>) -> Vec<Arc<Slot>> {
    let (mut users, mut ahead): (Vec<Arc<Slot>>, _) = (Vec::new(), vec![slot.clone()]);
    while let Some(inner) = ahead.pop() {
        for user in inner.found_by().into_iter().filter(|user| !user.is_within(slot)) {
            if !users.iter().any(|known| Arc::ptr_eq(known, &user)) {
                users.push(user);
            }
        }
        ahead.extend(inner.children());
    }
    users
}

/// Who has found the service, who has found those, and so on; each behind one that it has found.
fn users_of_users(slot: &Arc<Slot>) -> Vec<Arc<Slot>> {
    let (mut all, mut next): (Vec<Arc<Slot>>, _) = (users(slot), 0);
    while next < all.len() {
        for user in users(&all[next]) {
            let is_known =
                Arc::ptr_eq(&user, slot) || all.iter().any(|known| Arc::ptr_eq(known, &user));
            if !is_known {
                all.push(user);
            }
        }
        next += 1;
    }
    all
}
