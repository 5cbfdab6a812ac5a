//! A service that contains services.

mod look_up;

use crate::service::error::guarded;
use crate::service::node::{Node, NotResumed};
use crate::service::slot::Slot;
use crate::service::{
    AddError, BoxError, Context, Files, Handle, Managed, PrivilegedContext, Restart, Service,
    ServiceError, ServicePath, Settings, State, Step, StopErrors,
};
use crate::sync::Mutex;
use async_trait::async_trait;
use futures::future::join_all;
use indexmap::IndexMap;
use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::error;

/// How long services that have started may take to stop if a later one fails to start. They have not served a
/// client yet, so there is nothing to finish.
pub(in crate::service) const TIME_TO_UNDO: Duration = Duration::from_secs(5);

/// A service that contains other services, by name. Each clone is the same group.
///
/// Children start in the order in which they were added, and close and stop in reverse order; but a child that
/// others [have found](Context::find) closes and stops after them. If a child fails to start, the earlier ones
/// are stopped, and the failure names that child. Trees can have any depth.
#[derive(Clone, Default)]
pub struct MultiService(Arc<Mutex<Members>>);

#[derive(Default)]
struct Members {
    children: IndexMap<String, Child>,
    /// The context of the last start.
    cx: Option<Context>,
    /// Whether the children should run: from the beginning of the group's start to the beginning of its stop.
    wanted: bool,
    /// Whether all of them have started.
    running: bool,
}

/// A service of a group.
#[derive(Clone)]
pub(in crate::service) struct Child {
    pub(in crate::service) node: Arc<Node>,
    /// What it holds itself.
    pub(in crate::service) group: Option<MultiService>,
    /// Whether it is nothing but a group.
    pub(in crate::service) is_plain_group: bool,
    /// Whether it was added to a group that was running.
    pub(in crate::service) is_added: bool,
}

impl MultiService {
    /// A group without children, which is not running.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a child to a group that is neither running nor starting.
    ///
    /// # Errors
    /// If the name is used already or is not valid ([A-Za-z0-9_-]+), or the group is running or starting (use
    /// [`add_and_start`](Self::add_and_start) then).
    pub fn add(&self, name: impl Into<String>, child: impl Into<Managed>) -> Result<(), AddError> {
        let name = name.into();
        let child = Child::new(child.into(), Arc::default(), || self.path_of(&name))?;
        let mut members = self.0.lock();
        members.refuse(&name)?;
        if members.wanted {
            return Err(AddError::Running(name));
        }
        members.children.insert(name, child);
        Ok(())
    }

    /// Adds a child that nobody will look up by its name, and returns the name that it was given: `service-1`.
    ///
    /// # Errors
    /// If the group is running.
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

    /// Adds a child and, if this group is running or starting, starts it.
    ///
    /// # Errors
    /// The same as for [`add`](Self::add); and if the child fails to start, in which case it is not added.
    pub async fn add_and_start(
        &self,
        name: impl Into<String>,
        child: impl Into<Managed>,
    ) -> Result<(), AddError> {
        let (name, child) = (name.into(), child.into());
        let Some(cx) = self.context() else { return self.add(name, child) };
        let (slot, path) = (Arc::<Slot>::default(), cx.path().child(&name));
        let child = Child::new(child, slot.clone(), || path.clone())?;
        let child = Child { is_added: true, ..child };
        let (node, handle) = (child.node.clone(), child.handle(|| path.clone())?);
        self.insert(&name, child)?;
        node.enter(cx.slot(), &name, handle);
        let Err(not_started) = self.resume(&node).await else { return Ok(()) };
        self.take_out(&name, &node);
        Err(match not_started {
            NotResumed::Failed(error) => error.into(),
            NotResumed::Interrupted => AddError::Interrupted(path),
        })
    }

    /// Adds a child. From now on it is stopped with the others, even if nobody starts it.
    fn insert(&self, name: &str, child: Child) -> Result<(), AddError> {
        let mut members = self.0.lock();
        members.refuse(name)?;
        members.children.insert(name.into(), child);
        Ok(())
    }

    /// Starts a child, unless it is running. It must not be started if the group is not running, if it has been
    /// removed from the group, or if it has been stopped by its path.
    pub(in crate::service) async fn resume(&self, node: &Arc<Node>) -> Result<(), NotResumed> {
        node.resume(|| self.context_for(node)).await
    }

    /// The context of this group, if the child should run in it.
    fn context_for(&self, node: &Arc<Node>) -> Option<Context> {
        let (slot, path) = (node.slot(), node.slot().path());
        let is_child = self.node(path.name()).is_some_and(|child| Arc::ptr_eq(&child, node));
        self.context().filter(|_| is_child && !slot.is_held())
    }

    /// The path of a child with that name, as far as this group knows its own path.
    fn path_of(&self, name: &str) -> ServicePath {
        let own = self.0.lock().cx.as_ref().map(|cx| cx.path().clone());
        own.unwrap_or(ServicePath::root()).child(name)
    }

    /// Removes a child, and stops it first if it is running. `None`: there is no child with that name.
    ///
    /// # Errors
    /// Returned together with the service: what went wrong while it was being stopped.
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

    /// Removes a child, so that nobody finds it any more.
    fn take_out(&self, name: &str, node: &Arc<Node>) {
        let mut members = self.0.lock();
        if members.children.get(name).is_some_and(|child| Arc::ptr_eq(&child.node, node)) {
            members.children.shift_remove(name);
            if let Some(cx) = &members.cx {
                cx.slot().remove(name);
            }
        }
    }

    /// Replaces a child with another one, and returns the old one. `None`: it is not there any more.
    pub(in crate::service) fn exchange(&self, old: &Arc<Node>, new: Child) -> Option<Child> {
        let path = old.slot().path();
        let mut members = self.0.lock();
        let child = members.children.get_mut(path.name());
        let child = child.filter(|child| Arc::ptr_eq(&child.node, old))?;
        Some(std::mem::replace(child, new))
    }

    /// Inspects the child named `name`. `None`: there is none, or it is being started or stopped.
    pub fn inspect<R>(&self, name: &str, look: impl FnOnce(&dyn Service) -> R) -> Option<R> {
        self.node(name)?.inspect(look)
    }

    /// Whether there is a child named `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.0.lock().children.contains_key(name)
    }

    /// The settings that the child named `name` was made from, if any.
    pub fn settings(&self, name: &str) -> Option<Arc<dyn Settings>> {
        self.node(name)?.settings()
    }

    /// Sets what happens from now on when the child named `name` fails. `false`: there is none.
    pub fn set_restart(&self, name: &str, restart: Restart) -> bool {
        self.node(name).is_some_and(|node| {
            node.set_restart(restart);
            true
        })
    }

    /// What the child named `name` is doing. `None`: there is none.
    pub fn state(&self, name: &str) -> Option<State> {
        self.node(name).map(|node| node.slot().state())
    }

    /// The children's names, in order.
    pub fn names(&self) -> Vec<String> {
        self.0.lock().children.keys().cloned().collect()
    }

    /// The number of children.
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

    /// The context of this group. `None`: its children should not run.
    pub(in crate::service) fn context(&self) -> Option<Context> {
        let members = self.0.lock();
        members.cx.clone().filter(|_| members.wanted)
    }

    /// Removes all children, which are neither running nor starting.
    pub(in crate::service) fn take_children(&self) -> Vec<(String, Child)> {
        std::mem::take(&mut self.0.lock().children).into_iter().collect()
    }

    /// Sets the children, in order.
    pub(in crate::service) fn set_children(&self, children: Vec<(String, Child)>) {
        let before = std::mem::replace(&mut self.0.lock().children, children.into_iter().collect());
        drop(before); // may run the services' own code, so no lock is held
    }

    /// Stops the children that have started, when others can't be started.
    pub(in crate::service) async fn undo_start(&mut self) {
        self.close();
        if let Err(errors) = self.stop(Instant::now() + TIME_TO_UNDO).await {
            error!("while undoing the start: {errors}");
        }
    }
}

impl Members {
    fn named(&self) -> Vec<(String, Child)> {
        self.children.iter().map(|(name, child)| (name.clone(), child.clone())).collect()
    }

    /// Refuses names that are used already or are not valid in a path.
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
    /// The service that will be at `path`, in this slot.
    ///
    /// # Errors
    /// If it panics when it is asked for its parts.
    pub(in crate::service) fn new(
        managed: Managed,
        slot: Arc<Slot>,
        path: impl FnOnce() -> ServicePath,
    ) -> Result<Self, ServiceError> {
        let (group, kind) = guarded(|| {
            let Managed { service, kind, .. } = &managed;
            let kind = kind.clone().unwrap_or_else(|| service.kind().to_owned());
            (service.children().cloned(), kind)
        })
        .map_err(|panic| ServiceError::locate(&path(), Step::Start, panic))?;
        let is_plain_group = managed.type_id == Some(TypeId::of::<MultiService>());
        let managed = managed.kind(kind);
        let node = Arc::new(Node::new(managed, slot, group.is_some()));
        Ok(Self { node, group, is_plain_group, is_added: false })
    }

    /// The service's handle.
    ///
    /// # Errors
    /// If it panics.
    pub(in crate::service) fn handle(
        &self,
        path: impl FnOnce() -> ServicePath,
    ) -> Result<Option<Handle>, ServiceError> {
        self.node.handle().map_err(|panic| ServiceError::locate(&path(), Step::Start, panic))
    }
}

#[async_trait]
impl Service for MultiService {
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        for (name, child) in self.children() {
            child.node.privileged_start(cx.child(&name))?;
        }
        Ok(())
    }

    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        if let Err(error) = self.start_all(cx).await {
            self.undo_start().await;
            return Err(error.into());
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

    fn kind(&self) -> &str {
        "group"
    }

    fn check(&self, _files: &Files) -> Result<String, BoxError> {
        Ok(format!("would start its {} services", self.len()))
    }

    fn children(&self) -> Option<&MultiService> {
        Some(self)
    }
}

impl MultiService {
    async fn start_all(&self, cx: &Context) -> Result<(), ServiceError> {
        cx.slot().becomes_group();
        let children = {
            let mut members = self.0.lock();
            (members.cx, members.wanted) = (Some(cx.clone()), true);
            members.named()
        };
        for (name, child) in &children {
            let handle = child.handle(|| cx.path().child(name))?;
            child.node.enter(cx.slot(), name, handle);
        }
        for (name, child) in children {
            // A reload may have replaced or removed it meanwhile.
            if self.node(&name).is_some_and(|node| Arc::ptr_eq(&node, &child.node)) {
                child.node.start(cx).await?;
            }
        }
        Ok(())
    }

    /// From now on no child can be added, and the order in which the children stop is fixed.
    fn begin_to_stop(&self) -> Option<Context> {
        let cx = {
            let mut members = self.0.lock();
            (members.wanted, members.running) = (false, false);
            members.cx.clone()
        };
        if let Some(cx) = &cx {
            cx.tree().stop_in_order(cx.slot());
        }
        cx
    }
}
