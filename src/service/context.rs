//! What a service gets when it starts: its place in the tree, and the way to everything outside itself.

use super::error::panicked;
use super::{BoxError, Resources, ServiceError, ServicePath, Step, Workers};
use crate::sync::RwLock;
use futures::FutureExt;
use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

/// What one service shows to the others: a cheap, cloneable way to what it holds, never the service.
///
/// A poem service's handle, for example, is a pointer that always points to the poem loaded last.
pub struct Handle(Arc<dyn Any + Send + Sync>);

impl Handle {
    /// A handle that is found by services that look for the type `T`.
    pub fn new<T: Clone + Send + Sync + 'static>(value: T) -> Self {
        Self(Arc::new(value))
    }
}

/// Why a look-up by name failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// No service of that name among the siblings or further out.
    #[error("there is no service called {name:?} beside {from}, nor in the groups around it")]
    Unknown {
        /// The name that was looked for.
        name: String,
        /// The service that looked.
        from: ServicePath,
    },
    /// There is one, but it is of another kind.
    #[error("the service {found} is not of the kind that {from} needs")]
    OtherKind {
        /// What was found.
        found: ServicePath,
        /// The service that looked.
        from: ServicePath,
    },
}

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
        let path = self.path.child(name);
        let span = span_of(&path);
        Self { path, span, resources: self.resources.clone() }
    }

    /// The service's place in the tree.
    pub fn path(&self) -> &ServicePath {
        &self.path
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
#[derive(Clone)]
pub struct Context {
    here: PrivilegedContext,
    tree: Arc<Tree>,
}

/// The failures of a tree's running services, as they happen.
pub struct Failures(mpsc::UnboundedReceiver<ServiceError>);

impl Failures {
    /// Waits for the next failure. `None`: no service is left that could fail.
    ///
    /// Nothing is lost if the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<ServiceError> {
        self.0.recv().await
    }
}

/// What all contexts of one tree share.
struct Tree {
    workers: Workers,
    handles: RwLock<HashMap<ServicePath, Option<Handle>>>,
    all_started: watch::Sender<bool>,
    failures: mpsc::UnboundedSender<ServiceError>,
}

impl Context {
    /// The context of the root of a tree, and where the failures of running services arrive.
    pub fn root(resources: Resources, workers: Workers) -> (Self, Failures) {
        let (failures, receiver) = mpsc::unbounded_channel();
        let tree = Tree {
            workers,
            handles: RwLock::default(),
            all_started: watch::Sender::new(false),
            failures,
        };
        let context = Self { here: PrivilegedContext::root(resources), tree: Arc::new(tree) };
        (context, Failures(receiver))
    }

    /// The context of the child called `name`.
    pub fn child(&self, name: &str) -> Self {
        Self { here: self.here.child(name), tree: self.tree.clone() }
    }

    /// The service's place in the tree.
    pub fn path(&self) -> &ServicePath {
        &self.here.path
    }

    /// What the process lends of type `T`.
    pub fn resource<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.here.resource()
    }

    /// The threads to run on.
    pub fn workers(&self) -> &Workers {
        &self.tree.workers
    }

    /// The same place as seen before the runtime existed, for a child that is added to a running tree.
    pub fn privileged(&self) -> &PrivilegedContext {
        &self.here
    }

    /// The span in which everything logged carries this service's path. Whatever a service does in a
    /// task of its own belongs into it; [`spawn`](Self::spawn) sees to that.
    pub fn span(&self) -> &Span {
        &self.here.span
    }

    /// Looks up a service by name, first among the siblings, then outwards, and returns its handle.
    ///
    /// # Errors
    /// If there is no such service, or its handle is not a `T`.
    pub fn find<T: Clone + Send + Sync + 'static>(&self, name: &str) -> Result<T, FindError> {
        let handles = self.tree.handles.read();
        let from = self.path();
        let mut around = from.parent().filter(|_| !name.contains('.')); // a path is not a name
        while let Some(group) = around {
            let found = group.child(name);
            if let Some(handle) = handles.get(&found) {
                return handle
                    .as_ref()
                    .and_then(|handle| handle.0.downcast_ref::<T>().cloned())
                    .ok_or_else(|| FindError::OtherKind { found, from: from.clone() });
            }
            around = group.parent();
        }
        Err(FindError::Unknown { name: name.into(), from: from.clone() })
    }

    /// Waits until every service of the tree has started.
    ///
    /// A listener accepts its first client after this, so that nobody is served by half an application.
    pub async fn all_started(&self) {
        let mut receiver = self.tree.all_started.subscribe();
        // The sender lives as long as this context.
        let _ = receiver.wait_for(|started| *started).await;
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
        self.tree.workers.spawn_on(index, self.supervise(task))
    }

    /// Says that this service, though started, can't go on. The runner logs it, stops the whole
    /// application in order and ends with an error, so that whoever watches the process can restart it.
    pub fn fail(&self, cause: impl Into<BoxError>) {
        let error = ServiceError::locate(self.path(), Step::Run, cause.into());
        // Without a receiver the tree is being taken down anyway.
        let _ = self.tree.failures.send(error);
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

    pub(crate) fn publish(&self, path: ServicePath, handle: Option<Handle>) {
        let mut handles = self.tree.handles.write();
        handles.insert(path, handle);
    }

    /// Forgets the handles of a service and of all below it.
    pub(crate) fn withdraw(&self, path: &ServicePath) {
        let mut handles = self.tree.handles.write();
        handles.retain(|published, _| !published.is_within(path));
    }

    pub(crate) fn say_all_started(&self) {
        self.tree.all_started.send_replace(true);
    }
}

/// An error-level span is never filtered out, so the path is there at every log level.
fn span_of(path: &ServicePath) -> Span {
    tracing::error_span!("service", path = path.as_str())
}
