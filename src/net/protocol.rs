//! What is said on one connection.

use super::Connection;
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// The other end of a connection, as it appears in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(SocketAddr);

impl Peer {
    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.0
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is said on the connections of one service.
///
/// A protocol that answers without listening implements [`monologue`](Self::monologue), which costs no
/// task and no timer per client; any other implements [`converse`](Self::converse). A panic in either
/// ends that one connection with a reset.
#[async_trait]
pub trait Protocol: Send + Sync + 'static {
    /// The whole of what is said to `peer`, for protocols that only speak; the connection is then closed
    /// in order. `None`: this is a conversation.
    ///
    /// Called once for each connection, in the accept loop: it must not block.
    fn monologue(&self, peer: &Peer) -> Option<Bytes> {
        let _ = peer;
        None
    }

    /// Holds a conversation, in a task of its own, and returns when everything has been said; the
    /// connection is then closed in order. After an error it is reset instead, and the error is logged.
    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        let _ = connection;
        Ok(())
    }
}
