//! The tree of services: starts and stops them, in the right order.
//!
//! The names are those of Twisted's [`application/service.py`]: a [`Service`] starts and stops, a
//! [`MultiService`] is a service that contains services, and an [`Application`] is the root of the tree. Nothing
//! here knows about networks or processes; the program that runs the tree passes such things to the services
//! through [`Resources`].
//!
//! **Writing a service.** A service that is a single loop can be a function: [`ServiceFn`]. One that does something
//! at regular intervals is a [`TimerService`], and one that keeps a connection to a server is a [`ClientService`].
//! Everything else implements [`Service`]. Services get what they need from their [`Context`]: other services, by
//! name; tasks whose failure is the service's own; counters, and a status line.
//!
//! **The order.** Services start in the order in which they were added. A service that another one [has
//! found](Context::find) stops after it, wherever in the tree they are. For example, a store is available until
//! the last connection that writes to it has ended. Services that nobody has found stop at the same time.
//!
//! **When a service fails** after it has started, its [`Restart`] policy decides. Without one, the group that
//! contains it fails, and at the root the application.
//!
//! **While it is running**, the tree can be inspected and changed, by path, from any thread: see [`Tree`].
//! [`Tree::reload`] changes it into another one as a whole: what is the same stays, and the rest is replaced without
//! refusing a client. [`Runner`] is what can be asked of the process around the tree.
//!
//! - `slot.rs`: what is known about the service at a path; `node.rs`: coordinates the calls to the service there.
//! - `stop_order.rs` and `limits.rs`: which services wait for which when they stop, and how long.
//! - `reload/` changes a tree into another one, with `generation.rs`: what it starts, until that is certain to stay; and
//!   `drains.rs`: what it stops, until that has finished.
//! - `tree.rs` accepts requests (`request.rs`), and `keeper.rs` makes them, with `changes.rs` and `restart.rs`.
//!
//! [`application/service.py`]: https://docs.twisted.org/en/stable/core/howto/application.html

mod application;
mod changes;
mod client;
mod context;
mod counters;
mod drains;
mod entry;
mod error;
mod files;
mod function;
mod generation;
mod group;
mod handle;
mod instance;
mod keeper;
mod limits;
mod managed;
mod multi;
mod node;
mod path;
mod reload;
mod replacement;
mod request;
mod resources;
mod restart;
mod run;
mod runner;
mod settings;
mod slot;
mod state;
mod stop_order;
#[cfg(test)]
mod tests;
mod timer;
mod tree;
mod update;
mod workers;

pub use application::Application;
pub use client::{Client, ClientService, NotConnected};
pub use context::{Context, Failures, PrivilegedContext};
pub use counters::{Counter, Counters, Sample, SampleKind};
pub use drains::Draining;
pub use entry::{Entry, Watch};
pub use error::{AddError, ServiceError, Step, StopErrors, TreeError};
pub use files::Files;
pub use function::ServiceFn;
pub use handle::{FindError, Handle};
pub use managed::Managed;
pub use multi::MultiService;
pub use path::{BadPath, ServicePath};
pub use reload::{ReloadError, ReloadReport};
pub use request::IfFound;
pub use resources::{Belongings, Resources};
pub use restart::{Restart, RestartWhen};
pub use runner::{
    LastReload, Phase, Process, Refusal, ReloadMode, Reloaded, Runner, RunnerReport, Warning,
};
pub use settings::Settings;
pub use state::{ServiceReport, State};
pub use timer::TimerService;
pub use tree::Tree;
pub use update::Update;
pub use workers::Workers;

use async_trait::async_trait;
use tokio::time::Instant;

/// Any boxed error, as returned by a service's own code. `?` converts every error type to it, including
/// `anyhow::Error`, and string literals.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Something that starts and stops.
///
/// The methods are called in this order, each at most once per run of the service: `privileged_start`, `start`,
/// `close`, `stop`. If a service's start fails, neither `close` nor `stop` is called: it has to release what it
/// holds before it returns its error, or in its `Drop`. If a service was never started, because an earlier one
/// failed, only `close` is called. A stopped service may be started again: by its [`Restart`] policy, or by
/// [`Tree::restart`].
///
/// A panic in any of them is caught, and treated as a failure of this service alone.
///
/// A service that is a single loop can be written as a function: see [`ServiceFn`].
#[async_trait]
pub trait Service: Send + 'static {
    /// Does what requires privileges that will be dropped, such as binding a port below 1024.
    ///
    /// This is called on the main thread, while the process has no other threads and no Tokio runtime: keep
    /// sockets as `std::net` types until [`start`](Self::start).
    ///
    /// If a service is started while others are running, because it is added to a running tree or restarted, this
    /// is called immediately before its start, on a worker thread, while other threads run, and with the
    /// privileges that the process has then.
    fn privileged_start(&mut self, cx: &PrivilegedContext) -> Result<(), BoxError> {
        let _ = cx;
        Ok(())
    }

    /// Starts, and returns when the service is ready.
    ///
    /// This is called inside a Tokio runtime, after every earlier service has started. If the daemon is told to
    /// stop meanwhile, the returned future is dropped at an `.await`; then `close` and `stop` are called.
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError>;

    /// Stops accepting anything new, immediately and without waiting. Work in progress continues until
    /// [`stop`](Self::stop).
    ///
    /// This is called when all services that [have found](Context::find) this one and stop with it have stopped.
    fn close(&mut self) {}

    /// Finishes the work in progress and returns when nothing is left running.
    ///
    /// Work that is unfinished at `deadline` should be abandoned: about a second later the caller stops waiting,
    /// drops the future and reports that the service did not stop.
    ///
    /// A service that a reload has replaced or removed has no deadline: `deadline` is years ahead. If the daemon is
    /// told to stop meanwhile, the future is dropped at an `.await`, and this is called again with the deadline of
    /// that stop. So keep in `self` what is still to be stopped.
    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError>;

    /// Prepares what a reload changes in this service, which is running, and stays: its settings are the same. For
    /// example, a service that has read a file reads it again.
    ///
    /// If this fails, nothing is changed by the reload, and the service continues as before. If the daemon is told to
    /// stop meanwhile, the returned future is dropped at an `.await`.
    async fn reload(&mut self, cx: &Context) -> Result<Update, BoxError> {
        let _ = cx;
        Ok(Update::none())
    }

    /// What other services of the tree get when they look this one up with [`Context::find`].
    ///
    /// This is called once, before any service of the same parent starts. `None`: nobody can find it.
    fn handle(&self) -> Option<Handle> {
        None
    }

    /// Whether a second instance may start while this one is still running: it uses nothing that only one can
    /// have, such as a file that it writes. Sockets don't count, since both instances get the same ones.
    ///
    /// If not, an instance that replaces this one starts after this one has stopped.
    fn may_overlap(&self) -> bool {
        false
    }

    /// Whether this service stops after all others that stop with it and do not say the same: it shows what they are
    /// doing, for example.
    fn stops_last(&self) -> bool {
        false
    }

    /// What kind of service this is, in a word, for people. The default is the name of the type.
    fn kind(&self) -> &str {
        let name = std::any::type_name::<Self>();
        let plain = name.split('<').next().unwrap_or(name);
        plain.rsplit("::").next().unwrap_or(plain)
    }

    /// Describes in one line what this service would do if it were started, or why it could not.
    ///
    /// `poetryd check` calls this instead of a start. It must leave nothing behind. `files` finds the files that
    /// the service would use.
    fn check(&self, files: &Files) -> Result<String, BoxError> {
        let _ = files;
        Ok("would start".into())
    }

    /// The services that this one consists of, if it is a group.
    fn children(&self) -> Option<&MultiService> {
        None
    }
}
