//! `protocol = "transform"`: a new poem for a poem.

use super::netstring;
use super::transforms::{self, Transform};
use crate::config::{ProtocolKind, Section, read};
use crate::net::{Connection, Protocol};
use crate::service::{BoxError, Context};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::info;

/// From this many bytes on, a transformation is done on a thread of its own, so that other clients of the
/// worker don't wait for it.
const BIG: usize = 64 * 1024;

/// The settings of the transform protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformSettings {
    /// How long a request may be, in bytes.
    pub max_length: usize,
    /// How long a client may say nothing before its request is complete.
    pub read_timeout: Duration,
}

impl Default for TransformSettings {
    /// 16 MB (16,000,000 bytes) and 60 seconds.
    fn default() -> Self {
        Self { max_length: 16_000_000, read_timeout: Duration::from_secs(60) }
    }
}

impl ProtocolKind for TransformSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let default = Self::default();
        Some(Self {
            max_length: section.optional("max-length", read::length).unwrap_or(default.max_length),
            read_timeout: section
                .optional("read-timeout", read::seconds_above_0)
                .unwrap_or(default.read_timeout),
        })
    }

    fn protocol(&self, _cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        Ok(Arc::new(TransformPoetry::new(self.clone())))
    }
}

/// Reads one request, a netstring of `NAME.POEM`, answers with a netstring of the poem that the transform
/// of that name makes, and closes. A request that can't be answered is closed without an answer.
pub struct TransformPoetry {
    settings: TransformSettings,
}

/// Why there is no answer, for the log.
struct Refusal(String);

impl TransformPoetry {
    /// A service with these limits.
    pub fn new(settings: TransformSettings) -> Self {
        Self { settings }
    }

    /// Reads until there is a request, or can't be one.
    async fn read_request(
        &self,
        connection: &mut Connection,
    ) -> io::Result<Result<Bytes, Refusal>> {
        let mut received = BytesMut::new();
        loop {
            match netstring::decode(&mut received, self.settings.max_length) {
                Ok(Some(request)) => return Ok(Ok(request)),
                Ok(None) => {}
                Err(e) => return Ok(Err(Refusal(e.to_string()))),
            }
            let read = timeout(self.settings.read_timeout, connection.read_buf(&mut received));
            let Ok(read) = read.await else {
                return Ok(Err(Refusal("the request did not come in time".into())));
            };
            if read? == 0 {
                let received = received.len();
                return Ok(Err(Refusal(format!("the request ended after {received} bytes"))));
            }
        }
    }
}

#[async_trait]
impl Protocol for TransformPoetry {
    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        let peer = *connection.peer();
        let request = self.read_request(connection).await?;
        let (name, transform, poem) = match request.and_then(parse) {
            Ok(parsed) => parsed,
            Err(Refusal(why)) => {
                info!(%peer, "refusing to transform for {peer}: {why}");
                return Ok(());
            }
        };
        let bytes = poem.len();
        info!(bytes, %peer, transform = name, "transforming {bytes} bytes of poetry with {name} for {peer}");
        let new = if bytes < BIG {
            transform(&poem)
        } else {
            spawn_blocking(move || transform(&poem)).await.map_err(io::Error::other)?
        };
        connection.write_all(&netstring::encode(&new)).await
    }
}

/// Takes `NAME.POEM` apart.
fn parse(request: Bytes) -> Result<(String, Transform, Bytes), Refusal> {
    let Some(dot) = request.iter().position(|byte| *byte == b'.') else {
        return Err(Refusal("there is no dot after the name of a transform".into()));
    };
    let name = request[..dot].escape_ascii().to_string();
    match transforms::find(&request[..dot]) {
        Some(transform) => Ok((name, transform, request.slice(dot + 1..))),
        None => {
            let name: String = name.chars().take(100).collect();
            Err(Refusal(format!("there is no transform called \"{name}\"")))
        }
    }
}
