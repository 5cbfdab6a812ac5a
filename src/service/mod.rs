//! The tree of services: what starts, what stops, and in which order.
//!
//! The words are those of Twisted's [`application/service.py`]: a [`Service`] starts and stops, a
//! [`MultiService`] is a service that holds services, and an [`Application`] is the root of the tree.
//! Nothing here knows of networks or processes; whoever runs the tree hands such things to the
//! services through [`Resources`].
//!
//! **Writing a service.** A service that is one loop is a function: [`ServiceFn`]; one that does something at regular
//! times is a [`TimerService`], one that keeps a connection to a server a [`ClientService`]. Everything else
//! implements [`Service`]. Services get what they need from their [`Context`]: other services, by name; tasks whose
//! failure is theirs; counters, and a line that says how they are.
//!
//! **The order.** Services start in the order in which they were added. A service that another one
//! [has found](Context::find) stops after it, wherever in the tree they are: so a store is there until the last
//! connection that writes to it has ended. Those that nobody has found stop at once, side by side.
//!
//! **When a service fails** after it has started, its [`Restart`] policy decides; without one, the group that holds
//! it has failed, and at the root the application.
//!
//! **While it runs** the tree can be looked at and changed, by path, from any thread: see [`Tree`].
//!
//! - `slot.rs`: what is known of a service at its place, `node.rs`: the service there, and whose turn its calls are.
//! - `stop_order.rs` and `limits.rs`: who waits for whom when services stop, and how long.
//! - `tree.rs` takes requests (`request.rs`), and `keeper.rs` carries them out, with `changes.rs` and `restart.rs`.
//!
//! [`application/service.py`]: https://docs.twisted.org/en/stable/core/howto/application.html

mod application;
mod changes;
mod client;
mod context;
mod counters;
mod error;
mod files;
mod function;
mod handle;
mod instance;
mod keeper;
mod limits;
mod managed;
mod multi;
mod node;
mod path;
mod replacement;
mod request;
mod resources;
mod restart;
mod run;
mod settings;
mod slot;
mod state;
mod stop_order;
#[cfg(test)]
mod tests;
mod timer;
mod tree;
mod workers;

pub use application::Application;
pub use client::{Client, ClientService, NotConnected};
pub use context::{Context, Failures, PrivilegedContext};
pub use counters::{Counter, Counters, Sample, SampleKind};
pub use error::{AddError, ServiceError, Step, StopErrors, TreeError};
pub use files::Files;
pub use function::ServiceFn;
pub use handle::{FindError, Handle};
pub use managed::Managed;
pub use multi::MultiService;
pub use path::{BadPath, ServicePath};
pub use request::IfFound;
pub use resources::{Belongings, Resources};
pub use restart::{Restart, RestartWhen};
pub use settings::Settings;
pub use state::{ServiceReport, State};
pub use timer::TimerService;
pub use tree::Tree;
pub use workers::Workers;

use async_trait::async_trait;
use tokio::time::Instant;

/// Any error, boxed. What a service's own code returns; `?` turns every error type into it,
/// `anyhow::Error` and string literals included.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Something that starts and stops.
///
/// The calls come in this order, each at most once per run of the service:
/// `privileged_start`, `start`, `close`, `stop`. A service whose start failed gets neither `close` nor
/// `stop`: it gives back what it took before it returns its error, or in its `Drop`. One whose turn to
/// start never came gets only `close`. A stopped service may be started again: by its [`Restart`] policy, or by
/// [`Tree::restart`].
///
/// A panic in any of them is caught, and treated as the failure of this service alone.
///
/// A service that is one loop can be written as a function: see [`ServiceFn`].
#[async_trait]
pub trait Service: Send + 'static {
    /// Does what must be done before privileges are dropped, such as binding a port below 1024.
    ///
    /// Called on the main thread, while the process has no other, and there is no Tokio runtime yet: hold
    /// sockets as `std::net` types until [`start`](Self::start).
    ///
    /// But a service that is started while others run, since it was added to a running tree or is restarted, gets
    /// this call right before its start, on a worker, beside other threads, and with the privileges that the process
    /// then has.
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        let _ = cx;
        Ok(())
    }

    /// Starts, and returns when the service is fit to serve.
    ///
    /// Called inside a Tokio runtime, after every elder sibling has started. When the daemon is told to
    /// stop meanwhile, the returned future is dropped at an `.await`; then `close` and `stop` are called
    /// for what had been begun.
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError>;

    /// Stops taking anything new, at once and without waiting. Work in progress goes on until
    /// [`stop`](Self::stop).
    ///
    /// Called when all services that [have found](Context::find) this one and stop with it have stopped.
    fn close(&mut self) {}

    /// Finishes the work in progress and returns when nothing is left running.
    ///
    /// What is still unfinished at `deadline` is to be abandoned: about a second later the caller stops
    /// waiting, drops the future and reports the service as one that did not stop.
    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError>;

    /// What other services of the tree get when they look this one up with [`Context::find`].
    ///
    /// Called once, before any service of the same parent starts. `None`: nobody can find it.
    fn handle(&self) -> Option<Handle> {
        None
    }

    /// Whether a second instance may start while this one still runs: it takes nothing that only one can have,
    /// such as a file that it writes. Sockets don't count, since both instances get the same.
    ///
    /// If not, an instance that replaces this one starts when this one has stopped.
    fn may_overlap(&self) -> bool {
        false
    }

    /// Says in a line what this service would do if it were started, or why it could not.
    ///
    /// Called instead of a start, by `poetryd check`; must leave nothing behind. `files` finds the files
    /// that the service would see from where it would run.
    fn check(&self, files: &Files) -> Result<String, BoxError> {
        let _ = files;
        Ok("would start".into())
    }

    /// The services that this one consists of, if it is a collection.
    fn children(&self) -> Option<&MultiService> {
        None
    }
}
