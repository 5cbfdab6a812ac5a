//! What is said on one connection.

use super::{Connection, Payload};
use async_trait::async_trait;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use socket2::{SockAddr, Socket};
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// The other end of a connection, as it appears in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A client with an address on the network.
    Remote(SocketAddr),
    /// A client of a Unix socket: the process that connected, and the user it ran as; see SO_PEERCRED in
    /// unix(7).
    Local {
        /// The process.
        pid: i32,
        /// The user.
        uid: u32,
    },
}

impl Peer {
    /// Who is at the other end of an accepted connection.
    pub(super) fn of(address: &SockAddr, stream: &Socket) -> Self {
        if let Some(address) = address.as_socket() {
            return Peer::Remote(address);
        }
        match getsockopt(stream, PeerCredentials) {
            Ok(process) => Peer::Local { pid: process.pid(), uid: process.uid() },
            Err(_) => Peer::Local { pid: 0, uid: u32::MAX }, // nobody's, and not to be expected
        }
    }

    /// The address on the network, if the client has one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Peer::Remote(address) => Some(*address),
            Peer::Local { .. } => None,
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Peer::Remote(address)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Remote(address) => address.fmt(f),
            Peer::Local { pid, uid } => write!(f, "process {pid} (uid {uid})"),
        }
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
    fn monologue(&self, peer: &Peer) -> Option<Payload> {
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
