//! The root of the tree.

use super::{
    AddError, Context, Failures, MultiService, PrivilegedContext, Resources, Service, ServiceError,
    ServicePath, Step, StopErrors, Workers,
};
use tokio::time::Instant;

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
    failures: Option<Failures>,
}

impl Application {
    /// An application without services.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), services: MultiService::new(), failures: None }
    }

    /// What the application is called in the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a service; see [`MultiService::add`].
    ///
    /// # Errors
    /// If the name is taken or can't be one, or the application is running.
    pub fn add(&mut self, name: impl Into<String>, service: impl Service) -> Result<(), AddError> {
        self.services.add(name, service)
    }

    /// The services.
    pub fn services(&self) -> &MultiService {
        &self.services
    }

    /// The services, to be added to or changed.
    pub fn services_mut(&mut self) -> &mut MultiService {
        &mut self.services
    }

    /// [`Service::privileged_start`] for the whole tree, in tree order.
    ///
    /// # Errors
    /// The first service that failed; what its elders took is given back when the application is dropped.
    pub fn privileged_start(&mut self, resources: &Resources) -> Result<(), ServiceError> {
        let cx = PrivilegedContext::root(resources.clone());
        self.services
            .privileged_start(&cx)
            .map_err(|cause| ServiceError::locate(cx.path(), Step::PrivilegedStart, cause))
    }

    /// [`Service::start`] for the whole tree, in tree order. When it returns `Ok`, every service has
    /// started, and those waiting in [`Context::all_started`] go on.
    ///
    /// If the future is dropped half-way, the services started so far run until [`stop`](Self::stop).
    ///
    /// # Errors
    /// The first service that failed, to start or already while it ran; those that had started have been
    /// stopped, in reverse order.
    pub async fn start(
        &mut self,
        resources: &Resources,
        workers: Workers,
    ) -> Result<(), ServiceError> {
        let (cx, mut failures) = Context::root(resources.clone(), workers);
        let started = tokio::select! {
            started = self.services.start(&cx) => started,
            Some(failure) = failures.next() => Err(failure.into()),
        };
        self.failures = Some(failures);
        if let Err(cause) = started {
            // Where it was the start of a service that failed, nothing is left to be stopped.
            self.services.undo_start().await;
            return Err(ServiceError::locate(cx.path(), Step::Start, cause));
        }
        cx.say_all_started();
        Ok(())
    }

    /// Waits until a running service [fails](Context::fail), and says which. Never returns if none does.
    pub async fn failure(&mut self) -> ServiceError {
        let failure = match &mut self.failures {
            Some(failures) => failures.next().await,
            None => None,
        };
        match failure {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// [`Service::close`] for the whole tree, in reverse order.
    pub fn close(&mut self) {
        self.services.close();
    }

    /// [`Service::stop`] for the whole tree, begun in reverse order, siblings side by side.
    ///
    /// # Errors
    /// Every service that failed to stop, or had not stopped about a second after `deadline`.
    pub async fn stop(&mut self, deadline: Instant) -> Result<(), StopErrors> {
        match self.services.stop(deadline).await {
            Ok(()) => Ok(()),
            Err(cause) => StopErrors::check(StopErrors::flatten(&ServicePath::root(), cause)),
        }
    }
}
