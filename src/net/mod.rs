//! Ready-made services on sockets, and the path that a connection takes through them.
//!
//! A [`TcpServer`] or a [`UnixServer`] listens, and lets a [`Protocol`] decide what is said. A connection goes through these
//! files, in this order (`serving.rs` starts and stops it all):
//!
//! 1. `listener.rs`: the listening socket, and which of the workers takes its clients.
//!    `accept.rs`: one loop per listening socket and worker takes clients in batches. A protocol that
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
//! What each trick saves, of the CPU time of a 3003-byte poem over loopback, on two cores of an AMD EPYC
//! with Linux 6.18 (interleaved runs; most can be repeated with `cargo bench --bench side_by_side`):
//!
//! | trick | saves |
//! |---|---|
//! | batches and a send before the socket is registered, instead of a task per client | 14% |
//! | MSG_MORE, so that the poem and the FIN share a segment | 7% |
//! | a queue of closing sockets, instead of a task for each | 7% |
//! | the log's thread rests after a write, so that it writes many lines at once | 14% |
//! | one timer for the closing sockets, set once per sweep | 8% |
//! | TCP_INFO instead of a vain accept4 | 5% |
//! | one worker takes clients as long as it keeps up; with two workers | 16% |
//!
//! (The first three are figures of a prototype.) Tried and left out: a first look at closing sockets after
//! 1, 2, 4 or 8 ms instead of 16 (no difference with 64 clients at once, 3% worse with 512).
//! inherited from the listener, so that even that last moment of a killed daemon ends in a reset (2%).
//!
//! A [`UdpServer`] takes datagrams, and lets a [`Responder`] decide what is answered: `answer.rs` is its
//! loop, `rate.rs` how often it answers whom.

mod accept;
mod alarm;
mod answer;
mod burst;
mod closing;
mod connection;
mod deliver;
mod interface;
mod limit;
mod listen;
mod listener;
mod payload;
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
pub use payload::Payload;
pub use protocol::{Peer, Protocol};
pub use serving::ServerOptions;
pub use tcp_server::TcpServer;
pub use udp_server::{ReflectionError, Responder, UdpOptions, UdpServer};
pub use unix_server::UnixServer;
