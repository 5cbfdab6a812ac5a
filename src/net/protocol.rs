//! What is said on one connection.

use super::{Connection, Payload, Peer};
use async_trait::async_trait;
use std::io;

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
    fn monologue(&self, peer: &Peer) -> Option<Payload> {
        let _ = peer;
        None
    }

    /// How many of the process's descriptors a connection takes: its own, and those that the protocol opens
    /// while it lasts. A client is accepted only when so many are free.
    fn descriptors(&self) -> usize {
        1
    }

    /// Holds a conversation, in a task of its own, and returns when everything has been said; the
    /// connection is then closed in order. After an error it is reset instead, and the error is logged.
    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        let _ = connection;
        Ok(())
    }
}
