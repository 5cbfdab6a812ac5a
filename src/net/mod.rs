//! Ready-made services on sockets, and the path that a connection takes through them.
//!
//! A [`TcpServer`] listens, and lets a [`Protocol`] decide what is said. A connection goes through these
//! files, in this order:
//!
//! 1. `accept.rs`: one loop per listening socket and worker takes clients in batches. A protocol that
//!    only speaks ([`Protocol::monologue`]) is sent right there, before the socket is registered with
//!    any reactor.
//! 2. `deliver.rs`: what did not fit the socket's buffer becomes a task that sends the rest.
//! 3. `connection.rs`: a protocol that also listens gets a task and a [`Connection`].
//! 4. `closing.rs`: whatever was said, the connection ends here, in order: after our FIN, input is
//!    discarded until the client has closed too, because closing a socket with unread input sends a
//!    reset, which can destroy bytes that are still on their way.
//!
//! A client can always tell a whole answer from a cut one: an answer that could not be finished ends in
//! a reset, never in a FIN, even if the daemon is killed.

mod accept;
mod burst;
mod closing;
mod connection;
mod deliver;
mod interface;
mod limit;
mod protocol;
mod tcp_server;
#[cfg(test)]
mod tests;

pub use connection::Connection;
pub use interface::{Interface, ResolveError};
pub use limit::ConnectionLimit;
pub use protocol::{Peer, Protocol};
pub use tcp_server::{TcpOptions, TcpServer};
