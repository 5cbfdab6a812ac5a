//! The threads that services run on.

use super::Resources;
use futures::future::join_all;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The workers of the process: one single-threaded Tokio runtime per thread.
///
/// A task stays on the worker that it was spawned on. That makes serving cheap (no task ever moves from core to
/// core). A service that wants to use all cores spawns one task per worker.
#[derive(Clone)]
pub struct Workers(Arc<All>);

struct All {
    handles: Box<[Handle]>,
    shared: Resources,
}

impl Workers {
    /// Workers made from running runtimes.
    ///
    /// # Panics
    /// If there is none.
    pub fn new(handles: impl IntoIterator<Item = Handle>) -> Self {
        let handles: Box<[Handle]> = handles.into_iter().collect();
        assert!(!handles.is_empty(), "a tree of services needs at least one worker");
        Self(Arc::new(All { handles, shared: Resources::new() }))
    }

    /// The runtime in which this is called, as the only worker. For tests, and for programs with a runtime of
    /// their own.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn current() -> Self {
        Self::new([Handle::current()])
    }

    /// The number of workers; at least one.
    #[allow(clippy::len_without_is_empty)] // it never is
    pub fn len(&self) -> usize {
        self.0.handles.len()
    }

    /// The runtime of worker number `index`, counted from 0 and modulo [`len`](Self::len).
    pub fn handle(&self, index: usize) -> &Handle {
        &self.0.handles[index % self.len()]
    }

    /// Runs `future` on worker number `index`, counted from 0 and modulo [`len`](Self::len).
    pub fn spawn_on<F>(&self, index: usize, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle(index).spawn(future)
    }

    /// Waits until each worker has run what it was running when this was called, up to the next await. A worker that
    /// blocks is waited for until `limit` is over.
    pub(super) async fn all_take_note(&self, limit: Duration) {
        let notes = (0..self.len()).map(|worker| self.spawn_on(worker, async {}));
        let _ = timeout(limit, join_all(notes)).await;
    }

    /// The value of this type that all services on these workers share. It is created when it is first asked for.
    /// A service keeps here what would otherwise be a global variable of the process.
    pub fn shared<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        self.0.shared.get_or_default()
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.handles).finish()
    }
}
