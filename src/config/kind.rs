//! The traits that a program implements to offer its own kinds of service and protocols in application files.

use super::any_protocol::ProtocolSettings;
use super::section::Section;
use crate::net::Protocol;
use crate::service::{AddError, Application, BoxError, Context, Managed, Service};
use std::any::TypeId;
use std::fmt::Debug;
use std::sync::Arc;

/// The checked settings of one kind of service.
///
/// They are kept with the service, in order to compare them with those in a later version of the file. That is
/// why they have to be `PartialEq`.
pub trait Kind: PartialEq + Debug + Send + Sync + Sized + 'static {
    /// Reads the settings. `None` if they are wrong; the mistakes have been recorded in the section. Read every
    /// key before returning `None`, so that all mistakes are found at once and the documentation lists all keys:
    /// [`Registry::keys_of_kind`](super::Registry::keys_of_kind) calls this with an empty table. The schema of the command
    /// `generate` knows no other keys.
    fn read(section: &mut Section<'_>) -> Option<Self>;

    /// Makes the service. This has no other effect yet.
    fn service(&self) -> Box<dyn Service>;

    /// The type of the handle that the service offers to others with [`Service::handle`], so that references to
    /// it can be checked before anything starts: `Some(TypeId::of::<PoemHandle>())`.
    fn handle() -> Option<TypeId> {
        None
    }
}

/// Adds a service to an application, as if it came from a file: its settings are kept with it, to be compared
/// with those in a later version of the application.
///
/// # Errors
/// If the name is used already, or is not a valid name.
pub fn add<K: Kind>(
    application: &mut Application,
    name: impl Into<String>,
    settings: K,
) -> Result<(), AddError> {
    let service = settings.service();
    application.add(name, Managed::new(service).settings(Box::new(settings)))
}

/// The checked settings of one protocol. They are keys in the table of the service that uses it.
pub trait ProtocolKind: PartialEq + Debug + Send + Sync + Sized + 'static {
    /// Reads the settings, like [`Kind::read`].
    fn read(section: &mut Section<'_>) -> Option<Self>;

    /// Makes the protocol. This is called when the service that uses it starts, so other services can be looked
    /// up.
    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError>;
}

impl<T: ProtocolKind> ProtocolSettings for T {
    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        ProtocolKind::protocol(self, cx)
    }
}
