//! A thread with a runtime of its own.

use std::io;
use std::thread;
use tokio::runtime::{self, Runtime};

/// A thread that has not been started yet, with a runtime of its own: what runs there goes on whatever the workers do.
pub(crate) struct Thread {
    runtime: Runtime,
    name: String,
}

impl Thread {
    /// A thread with this name.
    ///
    /// # Errors
    /// If the system has no descriptor left.
    pub(crate) fn new(name: &str) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, name: name.into() })
    }

    /// Makes something that belongs to the runtime, such as a listener.
    pub(crate) fn enter<R>(&self, make: impl FnOnce() -> R) -> R {
        let _inside = self.runtime.enter();
        make()
    }

    /// Starts it. It ends when this future is ready, and what runs beside it ends then, too.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(crate) fn run(self, future: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let Self { runtime, name } = self;
        // Nothing joins it.
        thread::Builder::new().name(name).spawn(move || runtime.block_on(future)).map(drop)
    }
}
