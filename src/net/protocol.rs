//! What is sent on one connection.

use super::{Connection, Payload, Peer};
use async_trait::async_trait;
use std::io;
use std::sync::Arc;

/// What is sent on the connections of one service.
///
/// A protocol that answers without reading implements [`monologue`](Self::monologue), which costs no task and no
/// timer per client. Any other implements [`converse`](Self::converse). A panic in either of them ends that one
/// connection with a reset.
#[async_trait]
pub trait Protocol: Send + Sync + 'static {
    /// Everything that is sent to `peer`, for protocols that only send. The connection is then closed normally.
    /// `None`: the protocol also reads, and [`converse`](Self::converse) is called.
    ///
    /// This is called once for each connection, in the accept loop: it must not block.
    fn monologue(&self, peer: &Peer) -> Option<Payload> {
        let _ = peer;
        None
    }

    /// How many of the process's descriptors a connection uses: its own, and those that the protocol opens while
    /// it lasts. A client is accepted only when this many are free.
    fn descriptors(&self) -> usize {
        1
    }

    /// Reads and writes, in a task of its own, and returns when everything has been sent. The connection is then
    /// closed normally. After an error it is reset instead, and the error is logged.
    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        let _ = connection;
        Ok(())
    }
}

/// A protocol that others have, too, such as a store that a server [has found](crate::service::Context::find).
#[async_trait]
impl<P: Protocol + ?Sized> Protocol for Arc<P> {
    fn monologue(&self, peer: &Peer) -> Option<Payload> {
        (**self).monologue(peer)
    }

    fn descriptors(&self) -> usize {
        (**self).descriptors()
    }

    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        (**self).converse(connection).await
    }
}
