//! The application that runs if there is no file.

use super::fast::FastSettings;
use super::poem::PoemSettings;
use crate::config::{self, TcpSettings};
use crate::net::{Interface, Listen, ResolveError};
use crate::service::{AddError, Application};

/// The default port for poetry.
pub const DEFAULT_PORT: u16 = 10000;

/// Why the built-in application can't be made.
#[derive(Debug, thiserror::Error)]
#[error("the built-in application: {0}")]
#[non_exhaustive]
pub enum BuiltInError {
    /// This machine has no address for "localhost".
    Resolve(#[from] ResolveError),
    /// This should not happen.
    Add(#[from] AddError),
}

/// The application that runs if there is no file: the built-in poem on localhost:10000.
///
/// # Errors
/// If "localhost" has no address.
pub fn built_in_application() -> Result<Application, BuiltInError> {
    let mut application = Application::new("poetryd");
    config::add(&mut application, "ecstasy", PoemSettings::new(None))?;
    let listen = Listen::new(Interface::resolve("localhost")?, DEFAULT_PORT);
    let fast = TcpSettings::new(listen, FastSettings::new("ecstasy"));
    config::add(&mut application, "fast", fast)?;
    Ok(application)
}
