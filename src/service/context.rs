//! What a service gets when it starts: its place in the tree, and the way to everything outside itself.

use super::error::panicked;
use super::request::{Ended, Request};
use super::run::Run;
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

    /// The context of the child called `name`.
    pub fn child(&self, name: &str) -> Self {
        self.at(self.path.child(name))
    }

    fn at(&self, path: ServicePath) -> Self {
        let span = span_of(&path);
        Self { path, span, resources: self.resources.clone() }
    }

    /// The service's place in the tree.
    pub fn path(&self) -> &ServicePath {
        &self.path
    }

    /// What the process lends.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// What the process lends of type `T`.
    pub fn resource<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.resources.get()
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }
}

/// What a service gets when it [starts](super::Service::start). Cheap to clone.
///
/// It is good for one run of the service: after a restart there is a new one.
#[derive(Clone)]
pub struct Context {
    here: PrivilegedContext,
    slot: Arc<Slot>,
    run: Arc<Run>,
    tree: Tree,
    workers: Workers,
}

/// The failures of services that are run without an [`Application`](super::Application), as they happen.
pub struct Failures(mpsc::UnboundedReceiver<Request>);

impl Failures {
    /// Waits for the next failure. `None`: no service is left that could fail.
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
    /// The context of the root of a tree, and where the failures of running services arrive. For those who start
    /// services by hand; there, nothing is restarted, and the tree can't be changed.
    pub fn root(resources: Resources, workers: Workers) -> (Self, Failures) {
        let tree = Tree::new();
        let requests = tree.open(false);
        (Self::of_tree(tree, resources, workers), Failures(requests))
    }

    /// The context of the root of this tree.
    pub(super) fn of_tree(tree: Tree, resources: Resources, workers: Workers) -> Self {
        let (here, slot) = (PrivilegedContext::root(resources), tree.root().clone());
        Self { here, slot, run: Arc::default(), tree, workers }
    }

    /// The context of a part of this service, or of a service that it starts by itself, called `name`.
    pub fn child(&self, name: &str) -> Self {
        let slot = self.slot.child(name).unwrap_or_else(|| Slot::within(&self.slot, name));
        Self { here: self.here.child(name), slot, ..self.clone() }
    }

    /// The context of the next run of the service in this slot, which is in the group that has this context. `prepared`
    /// is that of the service's privileged start, if it has had one.
    pub(super) fn of_service(&self, slot: &Arc<Slot>, prepared: Option<PrivilegedContext>) -> Self {
        let path = slot.path();
        let is_here = |prepared: &PrivilegedContext| {
            prepared.path == path && prepared.resources.are_those_of(&self.here.resources)
        };
        let here = match prepared.filter(is_here) {
            Some(prepared) => prepared,
            None => self.here.at(path),
        };
        let (tree, workers) = (self.tree.clone(), self.workers.clone());
        Self { here, slot: slot.clone(), run: Arc::default(), tree, workers }
    }

    /// The service's place in the tree.
    pub fn path(&self) -> &ServicePath {
        self.here.path()
    }

    /// What the process lends of type `T`.
    pub fn resource<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.here.resource()
    }

    /// The threads to run on.
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// The same place as seen before the runtime existed, for a child that is added to a running tree.
    pub fn privileged(&self) -> &PrivilegedContext {
        &self.here
    }

    /// The span in which everything logged carries this service's path. Whatever a service does in a
    /// task of its own belongs into it; [`spawn`](Self::spawn) sees to that.
    pub fn span(&self) -> &Span {
        self.here.span()
    }

    /// The tree that the service stands in, to be looked at and changed.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Looks up a service by name, first among the siblings, then outwards, and returns its handle.
    ///
    /// That is recorded: the service that was found is not stopped before this one has stopped, if both are
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

    /// Waits until every service of the tree has started.
    ///
    /// A listener accepts its first client after this, so that nobody is served by half an application.
    pub async fn all_started(&self) {
        self.tree.all_started().await;
    }

    /// Waits until the service is to take nothing new: right before its [`close`](super::Service::close) is
    /// called.
    pub async fn closing(&self) {
        self.run.closing().await;
    }

    /// Whether the service is to take nothing new any more.
    pub fn is_closing(&self) -> bool {
        self.run.is_closing()
    }

    /// Says what there is to say about this service now, in a line for people: `17 keys`. It is shown beside the
    /// service's state until the next call or the next start.
    pub fn status(&self, text: impl Into<String>) {
        self.slot.set_status(text.into());
    }

    /// A number that this service counts up, shown to whoever looks at the tree. `name` is in lower case with
    /// underscores, `help` a sentence that says what is counted.
    ///
    /// It belongs to the service's path: after a restart, or when the service is replaced, the same counter goes
    /// on counting.
    pub fn counter(&self, name: &str, help: &'static str) -> Counter {
        self.slot.counted().counter(name, help)
    }

    /// Like [`counter`](Self::counter), for several numbers at once: those of this name that there are already, or
    /// those that `new` makes.
    pub fn counters<C: Counters>(&self, name: &str, new: impl FnOnce() -> C) -> Arc<C> {
        self.slot.counted().group(name, new)
    }

    /// Runs a task that this service can't do without, on the worker that called.
    ///
    /// If the task returns an error or panics, the service has [failed](Self::fail). Keep the handle and
    /// abort or await it in `stop`.
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

    /// Says that this service, though started, can't go on. It is restarted, if its
    /// [`Restart`](super::Restart) policy says so; else the group that holds it has failed. A failure that no group
    /// deals with stops the whole application, which ends with an error, so that whoever watches the process can
    /// restart it.
    ///
    /// Only the first failure of a run counts; the log has the others, too.
    pub fn fail(&self, cause: impl Into<BoxError>) {
        self.end(Some(cause.into()));
    }

    /// Says that this service has done what it was there for. It is started again, if its
    /// [`Restart`](super::Restart) policy is to do so always; else nothing more happens.
    pub fn finish(&self) {
        self.end(None);
    }

    fn end(&self, cause: Option<BoxError>) {
        if self.run.end() {
            let (path, run) = (self.path().clone(), self.run.clone());
            self.tree.report_end(Ended { path, run, cause });
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

    /// Says that the service is fit to serve, where its start waits for that: see
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

/// An error-level span is never filtered out, so the path is there at every log level.
pub(super) fn span_of(path: &ServicePath) -> Span {
    tracing::error_span!("service", path = path.as_str())
}
