//! `protocol = "slow"`: the poem, a few bytes at a time.

use super::PoemHandle;
use crate::config::{ProtocolKind, Section, read};
use crate::net::{Connection, Protocol};
use crate::service::{BoxError, Context};
use async_trait::async_trait;
use clap::Args;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;
use tracing::info;

/// The speed of the slow protocol.
#[derive(Args, Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// How long to wait between two sends
    #[arg(long, value_name = "SECONDS", default_value = "0.7", value_parser = read::parse_seconds)]
    pub delay: Duration,
    /// How many bytes to send at a time
    #[arg(long, value_name = "NUMBER", default_value = "10", value_parser = at_least_one)]
    pub num_bytes: usize,
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("expected a whole number from 1")
}

impl Default for Pace {
    /// The tutorial's values: 10 bytes every 0.7 seconds.
    fn default() -> Self {
        Self { num_bytes: 10, delay: Duration::from_millis(700) }
    }
}

/// The settings of the slow protocol.
#[derive(Debug, PartialEq)]
pub struct SlowSettings {
    poem: String,
    pace: Pace,
}

impl SlowSettings {
    /// Serves the poem of the service with this name.
    pub fn new(poem: impl Into<String>, pace: Pace) -> Self {
        Self { poem: poem.into(), pace }
    }
}

impl ProtocolKind for SlowSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.about_options::<Pace>();
        let default = Pace::default();
        let num_bytes = section.optional("num-bytes", read::integer(1..=usize::MAX >> 1));
        let pace = Pace {
            num_bytes: num_bytes.unwrap_or(default.num_bytes),
            delay: section.optional("delay", read::seconds).unwrap_or(default.delay),
        };
        let poem = section.about("The poem that is sent").service::<PoemHandle>("poem", "poem");
        Some(Self { poem: poem?, pace })
    }

    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        Ok(Arc::new(SlowPoetry::new(cx.find(&self.poem)?, self.pace)))
    }
}

/// Sends every client the poem a few bytes at a time, and closes.
pub struct SlowPoetry {
    poem: PoemHandle,
    pace: Pace,
}

impl SlowPoetry {
    /// Serves the poem that is loaded when a client connects.
    pub fn new(poem: PoemHandle, pace: Pace) -> Self {
        Self { poem, pace }
    }
}

#[async_trait]
impl Protocol for SlowPoetry {
    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        let poem =
            self.poem.get().ok_or_else(|| io::Error::other("the poem has not been loaded"))?;
        let (bytes, peer) = (poem.len(), *connection.peer());
        let Pace { num_bytes, delay } = self.pace;
        info!(bytes, %peer, "sending {bytes} bytes of poetry to {peer}, {num_bytes} at a time");
        let mut parts = poem.chunks(num_bytes).peekable();
        while let Some(part) = parts.next() {
            connection.write_all(part).await?;
            if parts.peek().is_some() {
                sleep(delay).await;
            }
        }
        Ok(())
    }
}
