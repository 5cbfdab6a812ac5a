//! `protocol = "forward"`: a connection to another server, byte for byte.

use super::address::{Address, address};
use super::connect::Connector;
use crate::config::{ProtocolKind, Section, read};
use crate::net::{Connection, Protocol};
use crate::service::{BoxError, Context};
use async_trait::async_trait;
use socket2::SockRef;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tracing::info;

/// The settings of the forward protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardSettings {
    /// The server that clients are connected with.
    pub to: Address,
    /// How long connecting to it may take.
    pub connect_timeout: Duration,
}

impl ForwardSettings {
    /// Forwarding to a server that may take 10 seconds to answer.
    pub fn new(to: Address) -> Self {
        Self { to, connect_timeout: Duration::from_secs(10) }
    }
}

impl ProtocolKind for ForwardSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let to = section.required("to", address);
        let connect_timeout = section.optional("connect-timeout", read::seconds_above_0);
        let default = Self::new(to?);
        Some(Self {
            connect_timeout: connect_timeout.unwrap_or(default.connect_timeout),
            ..default
        })
    }

    fn protocol(&self, _cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        Ok(Arc::new(PortForward::new(self.clone())))
    }
}

/// Connects every client with another server and passes on what either says. When one closes its side, the
/// other is told; when one resets, so is the other.
pub struct PortForward {
    settings: ForwardSettings,
    connector: Connector,
}

impl PortForward {
    /// A forwarder.
    pub fn new(settings: ForwardSettings) -> Self {
        Self { settings, connector: Connector::default() }
    }
}

#[async_trait]
impl Protocol for PortForward {
    /// The client's connection, and the one to the other server.
    fn descriptors(&self) -> usize {
        2
    }

    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        let ForwardSettings { to, connect_timeout } = &self.settings;
        let peer = *connection.peer();
        let mut other =
            self.connector.connect(to, *connect_timeout).await.map_err(io::Error::other)?;
        info!(%peer, "forwarding {peer} to {to}");
        // As on the client's side: unless everything has been passed on, the connection is reset.
        SockRef::from(&other).set_linger(Some(Duration::ZERO))?;
        let (up, down) = copy_bidirectional(connection, &mut other).await?;
        SockRef::from(&other).set_linger(None)?;
        info!(%peer, up, down, "forwarded {up} bytes from {peer} to {to}, and {down} back");
        Ok(())
    }
}
