//! Ready-made services on sockets, and the path that a connection takes through them.
//!
//! A [`TcpServer`] or a [`UnixServer`] listens, and lets a [`Protocol`] decide what is said. A connection goes through these
//! files, in this order (`serving.rs` starts and stops it all):
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
//!
//! A [`UdpServer`] takes datagrams, and lets a [`Responder`] decide what is answered: `answer.rs` is its
//! loop, `rate.rs` how often it answers whom.

mod accept;
mod answer;
mod burst;
mod closing;
mod connection;
mod deliver;
mod interface;
mod limit;
mod listen;
mod listener;
mod protocol;
mod rate;
mod serving;
mod tcp_server;
#[cfg(test)]
mod tests;
mod udp_server;
mod unix_server;

pub use connection::Connection;
pub use interface::{Interface, ResolveError};
pub use limit::ConnectionLimit;
pub use protocol::{Peer, Protocol};
pub use serving::ServerOptions;
pub use tcp_server::TcpServer;
pub use udp_server::{ReflectionError, Responder, UdpOptions, UdpServer};
pub use unix_server::UnixServer;
