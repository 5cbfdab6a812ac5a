//! What a program implements to have its own kinds of service and protocols in application files.

use super::any_protocol::ProtocolSettings;
use super::section::Section;
use crate::net::Protocol;
use crate::service::{AddError, Application, BoxError, Context, Managed, Service};
use std::any::TypeId;
use std::fmt::Debug;
use std::sync::Arc;

/// The checked settings of one kind of service.
///
/// They are kept beside the service, to be compared with those of a later version of the file; hence
/// `PartialEq`.
pub trait Kind: PartialEq + Debug + Send + Sync + Sized + 'static {
    /// Reads the settings. `None` if they can't be had; what is wrong has been noted in the section. Read
    /// every key before giving up, so that all mistakes are found at once, and that the documentation has all
    /// keys: [`Registry::keys_of_kind`](super::Registry::keys_of_kind) calls this with a table that has none.
    fn read(section: &mut Section<'_>) -> Option<Self>;

    /// Makes the service. It has no effect on anything yet.
    fn service(&self) -> Box<dyn Service>;

    /// The type of what the service shows to others by its [`Service::handle`], so that references to it
    /// can be checked before anything starts: `Some(TypeId::of::<PoemHandle>())`.
    fn handle() -> Option<TypeId> {
        None
    }
}

/// Adds a service to an application as a file would: the settings that it is made from are kept beside it, to be
/// compared with those that it has when the application is made anew.
///
/// # Errors
/// If the name is taken or can't be one.
pub fn add<K: Kind>(
    application: &mut Application,
    name: impl Into<String>,
    settings: K,
) -> Result<(), AddError> {
    let service = settings.service();
    application.add(name, Managed::new(service).settings(Box::new(settings)))
}

/// The checked settings of one protocol, which stand in the table of the service that speaks it.
pub trait ProtocolKind: PartialEq + Debug + Send + Sync + Sized + 'static {
    /// Reads the settings, as [`Kind::read`] does.
    fn read(section: &mut Section<'_>) -> Option<Self>;

    /// Makes the protocol, when the service that speaks it starts: the time to look up other services.
    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError>;
}

impl<T: ProtocolKind> ProtocolSettings for T {
    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        ProtocolKind::protocol(self, cx)
    }
}
