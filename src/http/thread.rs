//! A thread with a runtime of its own.

use std::io;
use std::thread;
use tokio::runtime::{self, Runtime};

/// A thread that has not been started yet, with a runtime of its own: what runs there goes on whatever the workers do.
pub(crate) struct Thread {
    runtime: Own,
    name: String,
}

/// A runtime that may be dropped anywhere. tokio's own must not be dropped in a task, and it is when a service fails to
/// start.
struct Own(Option<Runtime>);

impl Drop for Own {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

impl Thread {
    /// A thread with this name.
    ///
    /// # Errors
    /// If the system has no descriptor left.
    pub(crate) fn new(name: &str) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime: Own(Some(runtime)), name: name.into() })
    }

    /// Makes something that belongs to the runtime, such as a listener.
    pub(crate) fn enter<R>(&self, make: impl FnOnce() -> R) -> R {
        let _inside = self.runtime.0.as_ref().map(Runtime::enter);
        make()
    }

    /// Starts it. It ends when this future is ready, and what runs beside it ends then, too.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(crate) fn run(self, future: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let Self { mut runtime, name } = self;
        let work = move || {
            if let Some(runtime) = runtime.0.take() {
                runtime.block_on(future);
            }
        };
        // Nothing joins it.
        thread::Builder::new().name(name).spawn(work).map(drop)
    }
}
