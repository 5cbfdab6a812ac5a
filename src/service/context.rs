//! What a service gets when it starts: its path in the tree, and access to everything outside itself.

use super::error::panicked;
use super::generation::Generation;
use super::request::Request;
use super::run::{Ended, Run};
use super::slot::Slot;
use super::{
    BoxError, Counter, Counters, FindError, Resources, ServiceError, ServicePath, Step, Tree,
    Workers,
};
use crate::chain::chain;
use futures::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{Instrument, Span, error};

/// What a service gets for its [privileged start](super::Service::privileged_start).
#[derive(Clone)]
pub struct PrivilegedContext {
    path: ServicePath,
    span: Span,
    resources: Resources,
}

impl PrivilegedContext {
    /// The context of the root of a tree.
    pub fn root(resources: Resources) -> Self {
        Self { path: ServicePath::root(), span: Span::none(), resources }
    }

    /// The context of the child named `name`.
    pub fn child(&self, name: &str) -> Self {
        self.at(self.path.child(name))
    }

    /// The context of the service at this path.
    pub(super) fn at(&self, path: ServicePath) -> Self {
        let span = span_of(&path);
        Self { path, span, resources: self.resources.clone() }
    }

    /// The service's path in the tree.
    pub fn path(&self) -> &ServicePath {
        &self.path
    }

    /// The resources of the process.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The resource of type `T`.
    pub fn resource<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.resources.get()
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }
}

/// What a service gets when it [starts](super::Service::start). Cheap to clone.
///
/// It is valid for one run of the service: after a restart there is a new one.
#[derive(Clone)]
pub struct Context {
    here: PrivilegedContext,
    slot: Arc<Slot>,
    run: Arc<Run>,
    tree: Tree,
    workers: Workers,
    /// The reload that has started it, if one has.
    generation: Option<Arc<Generation>>,
}

/// The failures of services that run without an [`Application`](super::Application), as they happen.
pub struct Failures(mpsc::UnboundedReceiver<Request>);

impl Failures {
    /// Waits for the next failure. `None`: there is no service left that could fail.
    ///
    /// Nothing is lost if the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<ServiceError> {
        while let Some(request) = self.0.recv().await {
            if let Request::Ended(Ended { path, cause: Some(cause), .. }) = request {
                return Some(ServiceError::locate(&path, Step::Run, cause));
            }
        }
        None
    }
}

impl Context {
    /// The context of the root of a tree, and where the failures of running services arrive. For programs that
    /// start services themselves: nothing is restarted, and the tree can't be changed.
    pub fn root(resources: Resources, workers: Workers) -> (Self, Failures) {
        let tree = Tree::new();
        let requests = tree.open(false);
        (Self::of_tree(tree, resources, workers), Failures(requests))
    }

    /// The context of the root of this tree.
    pub(super) fn of_tree(tree: Tree, resources: Resources, workers: Workers) -> Self {
        let (here, slot) = (PrivilegedContext::root(resources), tree.root().clone());
        Self { here, slot, run: Arc::default(), tree, workers, generation: None }
    }

    /// The same context, for services that a reload starts.
    pub(super) fn in_generation(&self, generation: &Arc<Generation>) -> Self {
        Self { generation: Some(generation.clone()), ..self.clone() }
    }

    /// The context of a part of this service, or of a service that it starts itself, named `name`.
    pub fn child(&self, name: &str) -> Self {
        let slot = self.slot.child(name).unwrap_or_else(|| Slot::within(&self.slot, name));
        Self { here: self.here.child(name), slot, ..self.clone() }
    }

    /// The context of the next run of the service in this slot, which belongs to the group with this context.
    /// `prepared` is the context of the service's privileged start, if there was one.
    pub(super) fn of_service(&self, slot: &Arc<Slot>, prepared: Option<PrivilegedContext>) -> Self {
        let path = slot.path();
        let is_here = |prepared: &PrivilegedContext| {
            prepared.path == path && prepared.resources.are_those_of(&self.here.resources)
        };
        let here = match prepared.filter(is_here) {
            Some(prepared) => prepared,
            None => self.here.at(path),
        };
        Self { here, slot: slot.clone(), run: Arc::default(), ..self.clone() }
    }

    /// The service's path in the tree.
    pub fn path(&self) -> &ServicePath {
        self.here.path()
    }

    /// The resource of type `T`.
    pub fn resource<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.here.resource()
    }

    /// The threads to run on.
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// The privileged context with the same path, for a child that is added to a running tree.
    pub fn privileged(&self) -> &PrivilegedContext {
        &self.here
    }

    /// The span of this service: everything logged within it shows the service's path. A task that a service
    /// starts should run within it; [`spawn`](Self::spawn) does that.
    pub fn span(&self) -> &Span {
        self.here.span()
    }

    /// The tree that contains the service, to inspect and change it.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Looks up a service by name, first in the same group, then in the groups around it, and returns its handle.
    ///
    /// This is recorded: the service that was found is not stopped before this one has stopped, if both are
    /// stopped together.
    ///
    /// # Errors
    /// If there is no such service, or its handle is not a `T`.
    pub fn find<T: Clone + Send + Sync + 'static>(&self, name: &str) -> Result<T, FindError> {
        let from = || self.path().clone();
        let Some(found) = self.slot.look_up(name) else {
            return Err(FindError::Unknown { name: name.into(), from: from() });
        };
        let value = found.handle().and_then(|handle| handle.value());
        let value =
            value.ok_or_else(|| FindError::OtherKind { found: found.path(), from: from() })?;
        self.tree.has_found(&self.slot, &found);
        Ok(value)
    }

    /// Waits until every service of the tree has started and, if a reload has started this one, until the reload has
    /// succeeded.
    ///
    /// A listener accepts its first client after this, so that no client meets an application that has started
    /// only in part.
    pub async fn all_started(&self) {
        self.tree.all_started().await;
        if let Some(generation) = &self.generation {
            generation.committed().await;
        }
    }

    /// Waits until the service has to stop accepting anything new: immediately before its
    /// [`close`](super::Service::close) is called.
    pub async fn closing(&self) {
        self.run.closing().await;
    }

    /// Whether the service has to stop accepting anything new.
    pub fn is_closing(&self) -> bool {
        self.run.is_closing()
    }

    /// Sets the service's own status line, for people: `17 keys`. It is shown with the service's state until the
    /// next call or the next start.
    pub fn status(&self, text: impl Into<String>) {
        self.slot.set_status(text.into());
    }

    /// A counter of this service, which can be read from outside. `name` is in lower case with underscores,
    /// `help` a sentence that says what is counted.
    ///
    /// It belongs to the service's path: after a restart, or when the service is replaced, the same counter
    /// continues.
    pub fn counter(&self, name: &str, help: &'static str) -> Counter {
        self.slot.counted().counter(name, help)
    }

    /// Like [`counter`](Self::counter), for several numbers together: the existing ones with this name, or else
    /// those that `new` makes.
    pub fn counters<C: Counters>(&self, name: &str, new: impl FnOnce() -> C) -> Arc<C> {
        self.slot.counted().group(name, new)
    }

    /// Runs a task without which this service can't work, on the worker that calls this.
    ///
    /// If the task returns an error or panics, the service has [failed](Self::fail). Keep the handle and abort or
    /// await it in `stop`.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<()>
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        tokio::spawn(self.supervise(task))
    }

    /// Like [`spawn`](Self::spawn), on worker number `index`.
    pub fn spawn_on<F>(&self, index: usize, task: F) -> JoinHandle<()>
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.workers.spawn_on(index, self.supervise(task))
    }

    /// Declares that this service, which has started, can't go on. It is restarted if its
    /// [`Restart`](super::Restart) policy says so; if not, the group that contains it fails. A failure that no
    /// group handles stops the whole application, which ends with an error, so that a supervisor of the process
    /// can restart it.
    ///
    /// Only the first failure of a run counts; further ones are only logged.
    pub fn fail(&self, cause: impl Into<BoxError>) {
        self.end(Some(cause.into()));
    }

    /// Declares that this service has finished its work. It is started again if its [`Restart`](super::Restart)
    /// policy is to always do so; if not, nothing else happens.
    pub fn finish(&self) {
        self.end(None);
    }

    fn end(&self, cause: Option<BoxError>) {
        if self.run.end() {
            let (path, run) = (self.path().clone(), self.run.clone());
            let ended = Ended { path, run, cause };
            let ended = match &self.generation {
                Some(generation) => generation.take(ended),
                None => Some(ended),
            };
            ended.into_iter().for_each(|ended| self.tree.report_end(ended));
        } else if let Some(cause) = cause {
            self.span()
                .in_scope(|| error!("failed again before it was stopped: {}", chain(&*cause)));
        }
    }

    fn supervise<F>(&self, task: F) -> impl Future<Output = ()> + Send + 'static
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let cx = self.clone();
        let span = self.span().clone();
        async move {
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => cx.fail(error),
                Err(panic) => cx.fail(panicked(panic)),
            }
        }
        .instrument(span)
    }

    /// Declares that the service is ready, if its start waits for that: see
    /// [`ServiceFn::ready_when_said`](super::ServiceFn::ready_when_said).
    pub fn ready(&self) {
        self.run.say_ready();
    }

    pub(super) fn has_said_ready(&self) -> bool {
        self.run.is_ready()
    }

    pub(super) async fn said_ready(&self) {
        self.run.ready().await;
    }

    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    pub(super) fn run(&self) -> &Arc<Run> {
        &self.run
    }
}

/// A span at the error level is never filtered out, so the path is available at every log level.
pub(super) fn span_of(path: &ServicePath) -> Span {
    tracing::error_span!("service", path = path.as_str())
}
