//! The root of the tree.

use super::keeper::{KeptRunning, keep_running};
use super::{
    AddError, Context, Managed, MultiService, PrivilegedContext, ReloadError, ReloadMode,
    ReloadReport, Resources, Service, ServiceError, ServicePath, Step, StopErrors, Tree, Workers,
};
use std::time::Duration;
use tokio::join;
use tokio::time::{Instant, timeout_at};

/// The root of a tree of services, with a name: what a daemon runs.
///
/// ```
/// # use poetryd::{async_trait, service::{Application, BoxError, Context, Service}};
/// # struct Clock;
/// # #[async_trait] impl Service for Clock {
/// #   async fn start(&mut self, _: &Context) -> Result<(), BoxError> { Ok(()) }
/// #   async fn stop(&mut self, _: tokio::time::Instant) -> Result<(), BoxError> { Ok(()) }
/// # }
/// let mut application = Application::new("clocks");
/// application.add("wall", Clock)?;
/// assert!(application.services().contains("wall"));
/// # Ok::<(), poetryd::service::AddError>(())
/// ```
pub struct Application {
    name: String,
    services: MultiService,
    tree: Tree,
    kept_running: Option<KeptRunning>,
}

impl Application {
    /// An application without services.
    pub fn new(name: impl Into<String>) -> Self {
        let (services, tree) = (MultiService::new(), Tree::new());
        Self { name: name.into(), services, tree, kept_running: None }
    }

    /// The application's name in the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a service; see [`MultiService::add`].
    ///
    /// # Errors
    /// If the name is used already or is not valid, or the application is running.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        service: impl Into<Managed>,
    ) -> Result<(), AddError> {
        self.services.add(name, service)
    }

    /// Adds a service that nobody will look up by its name; see [`MultiService::push`].
    ///
    /// # Errors
    /// If the application is running.
    pub fn push(&mut self, service: impl Into<Managed>) -> Result<String, AddError> {
        self.services.push(service)
    }

    /// The services.
    pub fn services(&self) -> &MultiService {
        &self.services
    }

    /// The tree of the services, to inspect and change it while it is running, from any thread.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Sets how long a service that is restarted, replaced or removed may take to stop. The default is 30 s.
    pub fn set_stop_timeout(&mut self, timeout: Duration) {
        self.tree.set_stop_timeout(timeout);
    }

    /// Calls [`Service::privileged_start`] for the whole tree, in tree order.
    ///
    /// # Errors
    /// The first service that failed. What earlier services have opened is closed when the application is
    /// dropped.
    pub fn privileged_start(&mut self, resources: &Resources) -> Result<(), ServiceError> {
        let cx = PrivilegedContext::root(resources.clone());
        self.services
            .privileged_start(&cx)
            .map_err(|cause| ServiceError::locate(cx.path(), Step::PrivilegedStart, cause))
    }

    /// Calls [`Service::start`] for the whole tree, in tree order. When it returns `Ok`, every service has
    /// started, and those waiting in [`Context::all_started`] continue.
    ///
    /// If the future is dropped before it is ready, the services started so far run until [`stop`](Self::stop).
    ///
    /// # Errors
    /// The first service that failed, either while starting or while it was running already. Those that had
    /// started have been stopped, in reverse order.
    pub async fn start(
        &mut self,
        resources: &Resources,
        workers: Workers,
    ) -> Result<(), ServiceError> {
        let cx = Context::of_tree(self.tree.clone(), resources.clone(), workers);
        let kept_running = self.kept_running.insert(keep_running(&cx, &self.services));
        let started = tokio::select! {
            started = self.services.start(&cx) => started,
            failure = kept_running.failure() => Err(failure.into()),
        };
        if let Err(cause) = started {
            // If the start of a service failed, nothing is left to be stopped.
            self.services.undo_start().await;
            return Err(ServiceError::locate(cx.path(), Step::Start, cause));
        }
        self.tree.say_all_started();
        Ok(())
    }

    /// Waits until a running service [fails](Context::fail) that is not restarted, and returns its failure. Never
    /// returns if none does.
    pub async fn failure(&mut self) -> ServiceError {
        match &mut self.kept_running {
            Some(kept_running) => kept_running.failure().await,
            None => std::future::pending().await,
        }
    }

    /// Calls [`Service::close`] for the whole tree, in reverse order, except for services that others [have
    /// found](Context::find): these are closed when the others have stopped.
    pub fn close(&mut self) {
        self.tree.say_stopping();
        self.services.close();
    }

    /// Calls [`Service::stop`] for the whole tree, in reverse order, all at the same time. But a service that
    /// others [have found](Context::find) closes and stops after them, wherever in the tree they are. If services
    /// have found each other, the one that comes later in the tree stops first.
    ///
    /// # Errors
    /// Every service that failed to stop, or had not stopped about a second after `deadline`. One that others
    /// have kept waiting until then gets another moment. Everything is over within 2.5 seconds after `deadline`.
    pub async fn stop(&mut self, deadline: Instant) -> Result<(), StopErrors> {
        self.tree.say_stopping();
        let reload = timeout_at(deadline, self.tree.changing().read());
        let drained = self.tree.drains().stop(deadline);
        let (stopped, mut errors, _) = join!(self.services.stop(deadline), drained, reload);
        if let Err(cause) = stopped {
            errors.extend(StopErrors::flatten(&ServicePath::root(), cause));
        }
        StopErrors::check(errors)
    }
}

impl Tree {
    /// Changes the running tree into that of `application`, which has not been started.
    ///
    /// A service is kept if its settings are the same and everything that it has [found](super::Context::find) is kept,
    /// too; then it may [prepare a change](super::Service::reload). Others are replaced, added or removed. What can
    /// fail is done first, while the tree is as it was. Services that were replaced or removed finish what is in
    /// progress, see [`draining`](Self::draining).
    ///
    /// A new service that [must not run](super::Service::may_overlap) at the same time as others starts after those that
    /// are replaced or removed, or have been by an earlier reload, have stopped, for which they have the stop timeout.
    ///
    /// # Errors
    /// If anything fails: the tree is as it was before, except for services that [could not be started
    /// again](ReloadError::NotUndone). [`ReloadError::Busy`] means that another attempt may succeed.
    pub async fn reload(
        &self,
        application: Application,
        mode: ReloadMode,
    ) -> Result<ReloadReport, ReloadError> {
        self.change_into(Managed::new(application.services), mode).await
    }
}
