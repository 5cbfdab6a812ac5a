//! `protocol = "fast"`: the whole poem at once.

use super::PoemHandle;
use crate::config::{ProtocolKind, Section};
use crate::net::{Connection, Payload, Peer, Protocol};
use crate::service::{BoxError, Context};
use async_trait::async_trait;
use std::io;
use std::sync::Arc;
use tracing::info;

/// The settings of the fast protocol.
#[derive(Debug, PartialEq)]
pub struct FastSettings {
    poem: String,
}

impl FastSettings {
    /// Serves the poem of the service with this name.
    pub fn new(poem: impl Into<String>) -> Self {
        Self { poem: poem.into() }
    }
}

impl ProtocolKind for FastSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let poem = section.about("The poem that is sent").service::<PoemHandle>("poem", "poem");
        Some(Self { poem: poem? })
    }

    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        Ok(Arc::new(FastPoetry::new(cx.find(&self.poem)?)))
    }
}

/// Sends every client the whole poem and closes. What clients send is ignored.
pub struct FastPoetry {
    poem: PoemHandle,
}

impl FastPoetry {
    /// Serves the poem that is loaded when a client connects.
    pub fn new(poem: PoemHandle) -> Self {
        Self { poem }
    }
}

#[async_trait]
impl Protocol for FastPoetry {
    fn monologue(&self, peer: &Peer) -> Option<Payload> {
        let poem = self.poem.get()?;
        let bytes = poem.len();
        info!(bytes, %peer, "sending {bytes} bytes of poetry to {peer}");
        Some(poem)
    }

    /// This is only called before the poem is loaded.
    async fn converse(&self, _: &mut Connection) -> io::Result<()> {
        Err(io::Error::other("the poem has not been loaded"))
    }
}
