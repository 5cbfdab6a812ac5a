//! A service, with what its group has to know about it.

use super::{Restart, Service, Settings};
use std::any::TypeId;

/// A service for a [`MultiService`](super::MultiService), with what the group has to know about it.
///
/// Every service is converted into one automatically. Use this type to set a restart policy or settings.
///
/// ```
/// # use poetryd::{async_trait, service::{Application, BoxError, Context, Managed, Restart, Service}};
/// # struct Clock;
/// # #[async_trait] impl Service for Clock {
/// #   async fn start(&mut self, _: &Context) -> Result<(), BoxError> { Ok(()) }
/// #   async fn stop(&mut self, _: tokio::time::Instant) -> Result<(), BoxError> { Ok(()) }
/// # }
/// let mut application = Application::new("clocks");
/// application.add("wall", Managed::new(Clock).restart(Restart::on_failure()))?;
/// # Ok::<(), poetryd::service::AddError>(())
/// ```
pub struct Managed {
    pub(super) service: Box<dyn Service>,
    pub(super) settings: Option<Box<dyn Settings>>,
    pub(super) restart: Restart,
    /// What kind of service it is, if not what the service itself says.
    pub(super) kind: Option<String>,
    /// Whether two instances may run at the same time, whatever the service itself says.
    pub(super) may_overlap: bool,
    /// The type of the service, if that is known.
    pub(super) type_id: Option<TypeId>,
}

impl Managed {
    /// A service that is not restarted, and has no settings.
    pub fn new(service: impl Into<Self>) -> Self {
        service.into()
    }

    /// Sets what happens when the service fails.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Sets what kind of service this is, for people, instead of [what it says itself](Service::kind).
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Declares that a new instance of the service may start while an old one is still running, even if the service
    /// does not [say so itself](Service::may_overlap). By default, a reload starts it after the old one has stopped.
    pub fn may_overlap(mut self) -> Self {
        self.may_overlap = true;
        self
    }

    /// Sets the settings that the service was made from, so that it can be compared with another one.
    pub fn settings(mut self, settings: Box<dyn Settings>) -> Self {
        self.settings = Some(settings);
        self
    }
}

impl<S: Service> From<S> for Managed {
    fn from(service: S) -> Self {
        let service: Box<dyn Service> = Box::new(service);
        Self { type_id: Some(TypeId::of::<S>()), ..service.into() }
    }
}

impl From<Box<dyn Service>> for Managed {
    fn from(service: Box<dyn Service>) -> Self {
        Self {
            service,
            settings: None,
            restart: Restart::never(),
            kind: None,
            may_overlap: false,
            type_id: None,
        }
    }
}
