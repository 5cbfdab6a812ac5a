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
//! A client on TCP can always tell a whole answer from a cut one: an answer that could not be finished ends
//! in a reset, never in a FIN, even if the daemon is killed. (A Unix socket has no reset.)
//!
//! What each trick is worth: how much more of the server's CPU time a 3003-byte poem takes without it, over
//! loopback, on two cores of an AMD EPYC with Linux 6.18 (medians of 30 interleaved rounds of 5,000 poems,
//! 64 clients at a time, a line in the log for each):
//!
//! | trick | without it |
//! |---|---|
//! | the log's thread rests after a write, so that it writes many lines at once (`logging/output.rs`) | +34% |
//! | a send before the socket is registered, instead of a task per client (`accept.rs`) | +21% |
//! | a queue of closing sockets, instead of a task for each (`closing.rs`) | +20% |
//! | MSG_MORE, so that the poem and the FIN share a segment (`payload.rs`) | +14% |
//! | one worker takes clients as long as it keeps up; with two workers (`listener.rs`) | +13% |
//! | TCP_INFO instead of a vain accept4 (`listener.rs`) | +10% |
//! | a timer that is set once per look at closing sockets, and none of Tokio's (`alarm.rs`) | +7% |
//! | one shutdown(2) instead of taking SO_LINGER off and a recv(2) (`closing.rs`) | +4% |
//! | addresses in the log spelt without the standard library's padding (`peer.rs`) | +2% |
//! | large poems by sendfile(2) (`payload.rs`): 8 MiB, 16 MiB to 64 clients each | +30%, +60% |
//!
//! Without its line in the log, a poem would take 3 to 4% less. Tried and left out, since nothing was won: a first
//! look at closing sockets after 2 to 8 ms instead of 16; no look at all, but an immediate close; a rest
//! before clients are accepted, so that there are more of them in a batch; one question to TCP_INFO per
//! batch instead of one or two.
//!
//! A [`UdpServer`] takes datagrams, and lets a [`Responder`] decide what is answered: `answer.rs` is its
//! loop, `rate.rs` how often it answers whom.
//!
//! # What is counted
//!
//! Each server counts at its path in the tree (`connection_counters.rs`, `datagram_counters.rs`), one set of numbers
//! for each address that it listens on. They outlive restarts of the service. Anybody may read them, from any thread:
//!
//! ```
//! # use poetryd::service::{BoxError, Context};
//! # fn example(cx: &Context) -> Result<(), BoxError> {
//! if let Some(server) = cx.tree().report(&"poetry.fast".parse()?) {
//!     println!("{}", server.status.unwrap_or_default()); // 127.0.0.1:10001 [::1]:10001
//!     for sample in server.counters {
//!         // connections_failed [("reason", "reset"), ("address", "[::1]:10001")] 17
//!         println!("{} {:?} {}", sample.name, sample.labels, sample.value);
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! Of a [`TcpServer`] or a [`UnixServer`]:
//!
//! | name | what it says |
//! |---|---|
//! | `connections_opened` | connections accepted |
//! | `connections_open` | those that have not ended yet, a gauge |
//! | `connections_completed` | the protocol ended well, everything was sent, and the client closed in order, or the kernel had the rest |
//! | `connections_failed` | ended in another way, by `reason` |
//! | `sent_bytes` | bytes that the kernel took for the clients |
//! | `received_bytes` | bytes that conversations have read; what is discarded is not counted |
//!
//! At any moment, `connections_opened` is the sum of the three after it. Bytes are counted with the first send, or
//! for what takes longer when the connection has nothing more to say. The label `reason` is one of these:
//!
//! | reason | why the connection failed |
//! |---|---|
//! | `gone` | before anything was sent, the client broke it off, or the network lost it |
//! | `reset` | the same, later; a client that closes without having read everything does so, too |
//! | `timeout` | the client took nothing for [`write_timeout`](ServerOptions::write_timeout) |
//! | `protocol` | the conversation returned an error of its own, or the protocol panicked |
//! | `system` | the system had no memory or no room to wait for the client |
//! | `cut` | it was not finished at the deadline of a stop, or when the server failed |
//!
//! Of a [`UdpServer`], `datagrams_received` is the sum of `datagrams_answered` and `datagrams_unanswered`;
//! `sent_bytes` are those of the answers, `received_bytes` those of all datagrams. Here `reason` is one of these:
//!
//! | reason | why there was no answer |
//! |---|---|
//! | `rate` | its address asks more often than [`replies_per_second`](UdpOptions::replies_per_second) |
//! | `crowd` | so many other addresses were asking that this one could not be remembered |
//! | `refused` | the responder has no answer to it |
//! | `responder` | the responder panicked |
//! | `system` | the system could not send the answer |
//!
//! A count is a load and a store: each accept loop has its own numbers (`cells.rs`), which are added up when they
//! are read. What happens to a connection in a task on another worker is counted by its loop when the task has ended.

mod accept;
mod alarm;
mod answer;
mod burst;
mod cells;
mod closing;
mod connection;
mod connection_counters;
mod datagram_counters;
mod deliver;
mod interface;
mod limit;
mod listen;
mod listen_tcp;
mod listener;
mod options;
mod payload;
mod peer;
mod protocol;
mod rate;
mod responder;
mod serving;
mod socket;
mod tcp_server;
#[cfg(test)]
mod tests;
mod udp_server;
mod unix_server;

pub use connection::Connection;
pub use interface::{Interface, ResolveError};
pub use listen_tcp::Listen;
pub use options::ServerOptions;
pub use payload::Payload;
pub use peer::Peer;
pub use protocol::Protocol;
pub use responder::{ReflectionError, Responder, UdpOptions};
pub use tcp_server::TcpServer;
pub use udp_server::UdpServer;
pub use unix_server::UnixServer;
