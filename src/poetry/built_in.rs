//! The application that is run when there is no file.

use super::fast::FastPoetry;
use super::poem::Poem;
use crate::net::{Interface, ResolveError, TcpServer};
use crate::service::{AddError, Application, Context};

/// The port that poetry is served on unless somebody says otherwise.
pub const DEFAULT_PORT: u16 = 10000;

/// Why the built-in application can't be made.
#[derive(Debug, thiserror::Error)]
#[error("the built-in application: {0}")]
#[non_exhaustive]
pub enum BuiltInError {
    /// This machine does not know "localhost".
    Resolve(#[from] ResolveError),
    /// Not to be expected.
    Add(#[from] AddError),
}

/// The application that is run when there is no file: the built-in poem on localhost:10000.
///
/// # Errors
/// If "localhost" has no address.
pub fn built_in_application() -> Result<Application, BuiltInError> {
    let mut application = Application::new("poetryd");
    application.add("ecstasy", Poem::built_in())?;
    let find_poem = |cx: &Context| Ok(FastPoetry::new(cx.find("ecstasy")?));
    application
        .add("fast", TcpServer::new(Interface::resolve("localhost")?, DEFAULT_PORT, find_poem))?;
    Ok(application)
}
