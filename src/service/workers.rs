//! The threads that services run on.

use std::future::Future;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// The workers of the process: one single-threaded Tokio runtime per thread.
///
/// A task stays on the worker that it was spawned on. That is why serving is cheap here (no task is
/// ever handed from core to core), and why a service that wants all cores spawns one task per worker.
#[derive(Clone, Debug)]
pub struct Workers(Arc<[Handle]>);

impl Workers {
    /// Workers made from running runtimes.
    ///
    /// # Panics
    /// If there is none.
    pub fn new(handles: impl IntoIterator<Item = Handle>) -> Self {
        let handles: Arc<[Handle]> = handles.into_iter().collect();
        assert!(!handles.is_empty(), "a tree of services needs at least one worker");
        Self(handles)
    }

    /// The runtime that this is called in, as the only worker. For tests and for programs with a runtime
    /// of their own.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn current() -> Self {
        Self::new([Handle::current()])
    }

    /// How many there are; at least one.
    #[allow(clippy::len_without_is_empty)] // it never is
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The runtime of worker number `index`, counted from 0 and modulo [`len`](Self::len).
    pub fn handle(&self, index: usize) -> &Handle {
        &self.0[index % self.0.len()]
    }

    /// Runs `future` on worker number `index`, counted from 0 and modulo [`len`](Self::len).
    pub fn spawn_on<F>(&self, index: usize, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle(index).spawn(future)
    }
}
