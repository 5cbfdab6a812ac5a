//! A service that holds services.

use super::node::{Node, NotResumed};
use super::slot::Slot;
use super::{
    AddError, BoxError, Context, Files, Managed, PrivilegedContext, Restart, Service, ServiceError,
    ServicePath, Settings, State, StopErrors,
};
use crate::sync::Mutex;
use async_trait::async_trait;
use futures::future::join_all;
use indexmap::IndexMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::error;

/// How long the elder siblings of a service that failed to start have for stopping. Nobody has been
/// served yet, so there is nothing to finish.
const TIME_TO_UNDO: Duration = Duration::from_secs(5);

/// A service that holds other services, by name. Each clone is the same group.
///
/// Children start in the order in which they were added, and close and stop in reverse; but one that others
/// [have found](Context::find) closes and stops after them. A child that fails to start
/// stops its elder siblings, and the failure names the child. Trees nest to any depth.
#[derive(Clone, Default)]
pub struct MultiService(Arc<Mutex<Members>>);

#[derive(Default)]
struct Members {
    children: IndexMap<String, Child>,
    /// Of the last start.
    cx: Option<Context>,
    /// Whether the children are started, so that new ones are, too.
    running: bool,
}

#[derive(Clone)]
struct Child {
    node: Arc<Node>,
    /// What it holds itself.
    group: Option<MultiService>,
}

impl MultiService {
    /// No children, not running.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a child to a service that is not running.
    ///
    /// # Errors
    /// If the name is taken or can't be one ([A-Za-z0-9_-]+), or the service is running
    /// ([`add_and_start`](Self::add_and_start) is for that).
    pub fn add(&self, name: impl Into<String>, child: impl Into<Managed>) -> Result<(), AddError> {
        let (name, mut members) = (name.into(), self.0.lock());
        members.refuse(&name)?;
        if members.running {
            return Err(AddError::Running(name));
        }
        members.children.insert(name, Child::new(child.into(), Arc::default()));
        Ok(())
    }

    /// Adds a child that nobody will look for by its name, and returns the name that it got: `service-1`.
    ///
    /// # Errors
    /// If the service is running.
    pub fn push(&self, child: impl Into<Managed>) -> Result<String, AddError> {
        let name = self.free_name();
        self.add(name.clone(), child)?;
        Ok(name)
    }

    fn free_name(&self) -> String {
        let members = self.0.lock();
        let mut number = members.children.len() + 1;
        while members.children.contains_key(&format!("service-{number}")) {
            number += 1;
        }
        format!("service-{number}")
    }

    /// Adds a child and, if this service is running, starts it.
    ///
    /// # Errors
    /// As for [`add`](Self::add); and if the child fails to start, which then is not added.
    pub async fn add_and_start(
        &self,
        name: impl Into<String>,
        child: impl Into<Managed>,
    ) -> Result<(), AddError> {
        let (name, child) = (name.into(), child.into());
        let Some(cx) = self.context() else { return self.add(name, child) };
        let slot: Arc<Slot> = Arc::default();
        let child = Child::new(child, slot.clone());
        let node = child.node.clone();
        {
            // It is a child from now on, so that it is stopped even if this future is dropped half-way.
            let mut members = self.0.lock();
            members.refuse(&name)?;
            members.children.insert(name.clone(), child);
        }
        slot.enter(cx.slot(), &name, node.handle());
        let path = slot.path();
        let started = node.start_late(cx.of_service(&slot)).await;
        let Err(not_started) = started else { return Ok(()) };
        self.take_out(&name, &node);
        Err(match not_started {
            NotResumed::Failed(error) => error.into(),
            NotResumed::Interrupted => AddError::Interrupted(path),
        })
    }

    /// Takes a child out, stopping it first if it runs. `None`: there is no child of that name.
    ///
    /// # Errors
    /// Beside the service, what went wrong while it was stopped.
    pub async fn remove(
        &self,
        name: &str,
        deadline: Instant,
    ) -> Option<(Box<dyn Service>, Result<(), StopErrors>)> {
        let node = self.node(name)?;
        self.take_out(name, &node);
        node.close();
        let outcome = StopErrors::check(node.stop(deadline).await);
        Some((node.into_service().await, outcome))
    }

    /// Takes a child out, so that nobody finds it any more.
    fn take_out(&self, name: &str, node: &Arc<Node>) {
        let mut members = self.0.lock();
        if members.children.get(name).is_some_and(|child| Arc::ptr_eq(&child.node, node)) {
            members.children.shift_remove(name);
            if let Some(cx) = &members.cx {
                cx.slot().remove(name);
            }
        }
    }

    /// Puts a service where another one is, in its slot. Returns the node of the new one, and what brings back the
    /// old one. `None`: there is none of that name.
    pub(super) fn swap(&self, name: &str, service: Managed) -> Option<(Arc<Node>, Swapped)> {
        let mut members = self.0.lock();
        let child = members.children.get_mut(name)?;
        let new = Child::new(service, child.node.slot().clone());
        let node = new.node.clone();
        let old = std::mem::replace(child, new);
        Some((node, Swapped { group: self.clone(), name: name.into(), old }))
    }

    /// Looks at the child called `name`. `None`: there is none, or it is being started or stopped just now.
    pub fn inspect<R>(&self, name: &str, look: impl FnOnce(&dyn Service) -> R) -> Option<R> {
        self.node(name)?.inspect(look)
    }

    /// Whether there is a child called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.0.lock().children.contains_key(name)
    }

    /// The settings that the child called `name` was made from, if it was made from settings.
    pub fn settings(&self, name: &str) -> Option<Arc<dyn Settings>> {
        self.node(name)?.settings()
    }

    /// Sets, from now on, what happens when the child called `name` fails. `false`: there is none.
    pub fn set_restart(&self, name: &str, restart: Restart) -> bool {
        self.node(name).is_some_and(|node| {
            node.set_restart(restart);
            true
        })
    }

    /// What the child called `name` is doing. `None`: there is none.
    pub fn state(&self, name: &str) -> Option<State> {
        self.node(name).map(|node| node.slot().state())
    }

    /// The children's names, in order.
    pub fn names(&self) -> Vec<String> {
        self.0.lock().children.keys().cloned().collect()
    }

    /// How many children there are.
    pub fn len(&self) -> usize {
        self.0.lock().children.len()
    }

    /// Whether there are no children.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all children have been started successfully, and not closed or stopped since.
    pub fn running(&self) -> bool {
        self.0.lock().running
    }

    /// The context of this group, while it runs.
    pub(super) fn context(&self) -> Option<Context> {
        let members = self.0.lock();
        members.cx.clone().filter(|_| members.running)
    }

    fn node(&self, name: &str) -> Option<Arc<Node>> {
        self.0.lock().children.get(name).map(|child| child.node.clone())
    }

    /// The group at `path`, seen from here. `None`: there is none, or the service there holds no others.
    pub(super) fn group(&self, path: &ServicePath) -> Option<MultiService> {
        let inner =
            |group: MultiService, name: &str| group.0.lock().children.get(name)?.group.clone();
        path.names().try_fold(self.clone(), inner)
    }

    /// The service at `path`, seen from here, and the group that holds it.
    pub(super) fn locate(&self, path: &ServicePath) -> Option<(MultiService, Arc<Node>)> {
        let group = self.group(&path.parent()?)?;
        let node = group.node(path.name())?;
        Some((group, node))
    }

    fn nodes(&self) -> Vec<Arc<Node>> {
        self.0.lock().children.values().map(|child| child.node.clone()).collect()
    }

    /// Stops the children that have been started, when others can't be.
    pub(super) async fn undo_start(&mut self) {
        self.close();
        if let Err(errors) = self.stop(Instant::now() + TIME_TO_UNDO).await {
            error!("while undoing the start: {errors}");
        }
    }
}

impl Members {
    /// Refuses names that are taken or that would not fit into a path.
    fn refuse(&self, name: &str) -> Result<(), AddError> {
        if !ServicePath::is_name(name) {
            return Err(AddError::BadName(name.into()));
        }
        if self.children.contains_key(name) {
            return Err(AddError::Duplicate(name.into()));
        }
        Ok(())
    }
}

impl Child {
    fn new(managed: Managed, slot: Arc<Slot>) -> Self {
        let group = managed.service.children().cloned();
        Self { node: Arc::new(Node::new(managed, slot)), group }
    }
}

/// A child that another one has taken the place of.
pub(super) struct Swapped {
    group: MultiService,
    name: String,
    old: Child,
}

impl Swapped {
    pub(super) fn old(&self) -> &Arc<Node> {
        &self.old.node
    }

    /// Puts it back.
    pub(super) fn undo(self) {
        if let Some(child) = self.group.0.lock().children.get_mut(&self.name) {
            *child = self.old;
        }
    }
}

#[async_trait]
impl Service for MultiService {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        for (name, node) in self.names().iter().zip(self.nodes()) {
            node.privileged_start(&cx.child(name))?;
        }
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        let nodes = self.nodes();
        cx.slot().becomes_group();
        {
            let mut members = self.0.lock();
            members.cx = Some(cx.clone());
            for (name, child) in &members.children {
                child.node.slot().enter(cx.slot(), name, child.node.handle());
            }
        }
        for node in &nodes {
            if let Err(error) = node.start(cx.of_service(node.slot())).await {
                self.undo_start().await;
                return Err(error.into());
            }
        }
        self.0.lock().running = true;
        Ok(())
    }

    fn close(&mut self) {
        self.begin_to_stop();
        self.nodes().iter().rev().for_each(|node| node.close());
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        let cx = self.begin_to_stop();
        let nodes = self.nodes();
        let stopping = nodes.iter().rev().map(|node| node.stop(deadline));
        let errors: Vec<ServiceError> = join_all(stopping).await.into_iter().flatten().collect();
        if let Some(cx) = cx {
            cx.slot().has_stopped_in_order();
        }
        Ok(StopErrors::check(errors)?)
    }

    fn may_overlap(&self) -> bool {
        true
    }

    fn check(&self, _files: &Files) -> Result<String, BoxError> {
        Ok(format!("would start its {} services", self.len()))
    }

    fn children(&self) -> Option<&MultiService> {
        Some(self)
    }
}

impl MultiService {
    /// From now on nobody is added, and the order in which the children stop is decided.
    fn begin_to_stop(&self) -> Option<Context> {
        let cx = {
            let mut members = self.0.lock();
            members.running = false;
            members.cx.clone()
        };
        if let Some(cx) = &cx {
            cx.tree().stop_in_order(cx.slot());
        }
        cx
    }
}
