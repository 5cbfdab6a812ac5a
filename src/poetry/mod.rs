//! Poetry: the poem service and the protocols that serve it.

mod fast;
pub mod fetch;
mod forward;
pub mod netstring;
mod poem;
mod proxy;
mod quote;
mod slow;
mod transform;
pub mod transforms;

pub use fast::{FastPoetry, FastSettings};
pub use forward::{ForwardSettings, PortForward};
pub use poem::{Poem, PoemHandle, PoemSettings};
pub use proxy::{PoetryProxy, ProxySettings};
pub use quote::{Quote, QuoteSettings};
pub use slow::{Pace, SlowPoetry, SlowSettings};
pub use transform::{TransformPoetry, TransformSettings};

use crate::config::Registry;
use crate::net::{Interface, ResolveError, TcpServer};
use crate::service::{AddError, Application};

/// The poem that is compiled in, for a first start without any file: John Donne's "The Ecstasy".
pub const BUILT_IN_POEM: &[u8] = include_bytes!("../../poetry/ecstasy.txt");

/// The port that poetry is served on unless somebody says otherwise.
pub const DEFAULT_PORT: u16 = 10000;

/// Makes the kinds and protocols of this room known.
pub fn register(registry: &mut Registry) {
    registry.kind::<PoemSettings>("poem");
    registry.kind::<QuoteSettings>("quote").renamed("udp", "quote");
    registry.protocol::<FastSettings>("fast");
    registry.protocol::<SlowSettings>("slow");
    registry.protocol::<ProxySettings>("proxy");
    registry.protocol::<TransformSettings>("transform");
    registry.protocol::<ForwardSettings>("forward");
}

/// Why the built-in application can't be made.
#[derive(Debug, thiserror::Error)]
#[error("the built-in application: {0}")]
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
    let find_poem = |cx: &crate::service::Context| Ok(FastPoetry::new(cx.find("ecstasy")?));
    application
        .add("fast", TcpServer::new(Interface::resolve("localhost")?, DEFAULT_PORT, find_poem))?;
    Ok(application)
}
