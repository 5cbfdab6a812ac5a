//! Poetry: the poem service, the protocols that serve it, and plugins that make applications of them.

mod address;
mod buffers;
mod built_in;
mod connect;
mod copy;
mod fast;
pub mod fetch;
mod forward;
pub mod netstring;
mod pipes;
mod plugins;
mod poem;
mod proxy;
mod quote;
mod request_memory;
mod slow;
mod splice;
mod traffic;
mod transform;
mod transform_counters;
pub mod transforms;

pub use built_in::{BuiltInError, DEFAULT_PORT, built_in_application};
pub use fast::{FastPoetry, FastSettings};
pub use forward::{ForwardSettings, PortForward};
pub use plugins::plugins;
pub use poem::{BUILT_IN_POEM, Poem, PoemHandle, PoemSettings};
pub use proxy::{PoetryProxy, ProxySettings};
pub use quote::{Quote, QuoteSettings};
pub use slow::{Pace, SlowPoetry, SlowSettings};
pub use transform::{TransformPoetry, TransformSettings};

use crate::config::Registry;

#[cfg(test)]
mod tests;

/// Adds the kinds and protocols of this module to a registry.
pub fn register(registry: &mut Registry) {
    registry.kind::<PoemSettings>("poem");
    registry.kind::<QuoteSettings>("quote").renamed("udp", "quote");
    registry.protocol::<FastSettings>("fast");
    registry.protocol::<SlowSettings>("slow");
    registry.protocol::<ProxySettings>("proxy");
    registry.protocol::<TransformSettings>("transform");
    registry.protocol::<ForwardSettings>("forward");
}
