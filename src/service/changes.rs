//! Changes to a running tree.

use super::error::guarded;
use super::multi::Child;
use super::node::{Node, NotResumed};
use super::replacement::Replacement;
use super::request::{Change, IfFound};
use super::slot::address;
use super::{
    AddError, Handle, Managed, MultiService, Resources, ServiceError, ServicePath, State,
    StopErrors, Tree, TreeError,
};
use crate::chain::chain;
use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::{error, info};

/// Makes the changes to one tree.
pub(super) struct Changes<'a> {
    services: &'a MultiService,
    resources: &'a Resources,
    /// When everything that stops for this change has to have stopped.
    deadline: Instant,
    /// Services that should be running, but failed to start again, and why.
    failed: Vec<(Arc<Node>, String)>,
}

impl<'a> Changes<'a> {
    pub(super) fn new(
        services: &'a MultiService,
        tree: &'a Tree,
        resources: &'a Resources,
    ) -> Self {
        Self { services, resources, deadline: tree.stop_deadline(), failed: Vec::new() }
    }

    /// The services that should be running, but failed to start again, and why.
    pub(super) fn failed(self) -> Vec<(Arc<Node>, String)> {
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
        // (If one was refused while the application is starting, other services may still ask for what they
        // need.)
        if let Some(belongings) = self.resources.belongings().filter(|_| made.is_ok()) {
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
        let Some((service, outcome)) = group.remove(path.name(), self.deadline).await else {
            return Err(TreeError::Unknown(path.clone()));
        };
        log(outcome.err());
        if let Err(panic) = guarded(|| drop(service)) {
            error!("when the service {path} was dropped, it {panic}");
        }
        info!("removed the service {path}");
        Ok(())
    }

    async fn stop(&self, path: &ServicePath, if_found: IfFound) -> Result<(), TreeError> {
        let (_, node) = self.locate(path)?;
        self.refuse_if_found(&node, if_found)?;
        node.slot().hold(true);
        self.pause(&node).await;
        Ok(())
    }

    async fn start(&mut self, path: &ServicePath) -> Result<(), TreeError> {
        let (group, node) = self.locate_in_running_group(path)?;
        node.slot().hold(false);
        if node.run().is_some_and(|run| run.has_ended()) {
            self.pause(&node).await; // stops what is left of it
        }
        self.resume(&group, &node).await
    }

    async fn restart(&mut self, path: &ServicePath) -> Result<(), TreeError> {
        let (group, node) = self.locate_in_running_group(path)?;
        node.slot().hold(false);
        self.pause(&node).await;
        self.resume(&group, &node).await
    }

    async fn replace(&mut self, path: &ServicePath, service: Managed) -> Result<(), TreeError> {
        let (group, old) = self.locate_in_running_group(path)?;
        let new = Child::new(service, old.slot().clone(), || path.clone())?;
        let handle = new.handle(|| path.clone())?;
        let mut users = users_of_users(self.services, &old);
        users.retain(|(_, user)| user.slot().state() != State::Finished); // they have finished their work
        for (_, user) in users.iter().rev() {
            self.pause(user).await;
        }
        let kept = self.keep(path);
        self.pause(&old).await;
        let replaced = self.put_in_place(&group, &old, new, handle).await;
        drop(kept);
        if replaced.is_err() {
            self.bring_back(&group, &old).await;
        }
        for (group, user) in &users {
            if user.run().is_some() {
                self.pause(user).await; // it has been started by another request, and has found the old one
            }
            self.bring_back(group, user).await;
        }
        replaced
    }

    /// Starts a service in place of one that has stopped. If it does not start, the other one is put back. If the
    /// old one had been stopped by its path, the new one stays stopped.
    async fn put_in_place(
        &self,
        group: &MultiService,
        old: &Arc<Node>,
        new: Child,
        handle: Option<Handle>,
    ) -> Result<(), TreeError> {
        let (slot, path) = (old.slot(), old.slot().path());
        let Some(cx) = group.context() else {
            return Err(group_of_not_running(&path));
        };
        let old_handle = slot.handle();
        let replacement =
            Replacement::put(group, old, new).ok_or_else(|| TreeError::Unknown(path.clone()))?;
        replacement.node().enter(cx.slot(), path.name(), handle);
        let started = match slot.is_held() {
            true => Ok(()),
            false => group.resume(replacement.node()).await,
        };
        if started.is_ok() {
            info!("replaced the service {path}");
        } else if replacement.undo() {
            old.enter(cx.slot(), path.name(), old_handle);
        }
        started.map_err(|e| self.not_started(group, &path, e))
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
            return Err(group_of_not_running(path));
        }
        Ok((group, node))
    }

    fn refuse_if_found(&self, node: &Node, if_found: IfFound) -> Result<(), TreeError> {
        let users = node.slot().users();
        if if_found == IfFound::StopAnyway || users.is_empty() {
            return Ok(());
        }
        let mut by: Vec<ServicePath> = users.iter().map(|user| user.path()).collect();
        by.sort();
        Err(TreeError::InUse { path: node.slot().path(), by })
    }

    /// Stops a service that will be started again. Its sockets are kept.
    async fn pause(&self, node: &Node) {
        let kept = self.keep(&node.slot().path());
        let errors = node.pause(self.deadline, kept).await;
        errors.iter().for_each(|e: &ServiceError| error!("{}", chain(e)));
    }

    async fn resume(&mut self, group: &MultiService, node: &Arc<Node>) -> Result<(), TreeError> {
        let resumed = group.resume(node).await;
        if let Err(NotResumed::Failed(error)) = &resumed {
            self.failed.push((node.clone(), chain(error)));
        }
        resumed.map_err(|e| self.not_started(group, &node.slot().path(), e))
    }

    /// Starts a service again that had to be stopped. If it should not run any more, that is fine.
    async fn bring_back(&mut self, group: &MultiService, node: &Arc<Node>) {
        if let Err(TreeError::Start(error)) = self.resume(group, node).await {
            error!("it had to be stopped, and could not be started again: {}", chain(&error));
        }
    }

    fn not_started(&self, group: &MultiService, path: &ServicePath, why: NotResumed) -> TreeError {
        match why {
            NotResumed::Failed(error) => TreeError::Start(error),
            NotResumed::Interrupted if group.context().is_none() => group_of_not_running(path),
            NotResumed::Interrupted => AddError::Interrupted(path.clone()).into(),
        }
    }

    fn keep(&self, path: &ServicePath) -> Option<Box<dyn Any + Send>> {
        self.resources.belongings().map(|belongings| belongings.keep(path))
    }
}

/// The group of the service at `path` is not running.
fn group_of_not_running(path: &ServicePath) -> TreeError {
    TreeError::GroupNotRunning(path.parent().unwrap_or(path.clone()))
}

fn log(errors: Option<StopErrors>) {
    errors.iter().for_each(|errors| error!("{errors}"));
}

/// The services that have found this one, those that have found them, and so on. Each comes after one that it has
/// found.
pub(super) fn users_of_users(
    services: &MultiService,
    node: &Arc<Node>,
) -> Vec<(MultiService, Arc<Node>)> {
    let mut known = HashSet::from([address(node.slot())]);
    let (mut all, mut next) = (Vec::new(), node.slot().users());
    while !next.is_empty() {
        let mut further = Vec::new();
        for user in next {
            // A service that belongs to another service is started only by that one.
            if user.is_retired() {
                continue; // it is being stopped already
            }
            let Some((group, user)) = services.nearest(&user.path()) else { continue };
            let is_around = node.slot().is_within(user.slot());
            if !is_around && known.insert(address(user.slot())) {
                further.extend(user.slot().users());
                all.push((group, user));
            }
        }
        next = further;
    }
    all
}
