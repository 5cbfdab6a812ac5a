//! Ready-made services that listen on sockets, and how they handle a connection.
//!
//! A [`TcpServer`] or a [`UnixServer`] listens, and a [`Protocol`] decides what to send. A connection goes
//! through these files, in this order (`serving.rs` starts and stops everything):
//!
//! 1. `listener.rs`: the listening socket, and which of the workers accepts its clients. `accept.rs`: a loop per
//!    listening socket and worker accepts clients in batches. If a protocol only sends ([`Protocol::monologue`]),
//!    that happens there, before the socket is registered with any reactor.
//! 2. `deliver.rs`: what does not fit into the socket's buffer becomes a task that sends the rest.
//! 3. `connection.rs`: a protocol that also reads gets a task and a [`Connection`].
//! 4. `closing.rs`: every connection ends here normally. After our FIN, input is discarded until the client has
//!    closed, too, because closing a socket with unread input sends a reset, which can destroy bytes that have
//!    not arrived yet.
//!
//! A client on TCP can always tell a complete answer from a cut one: an answer that could not be finished ends in
//! a reset, never in a FIN, even if the daemon is killed. (A Unix socket has no reset.)
//!
//! The effect of each optimization: how much more of the server's CPU time a 3003-byte poem takes without it, over
//! loopback, on two cores of an AMD EPYC with Linux 6.18 (medians of 30 interleaved rounds of 5,000 poems,
//! 64 clients at a time, a line in the log for each):
//!
//! | optimization | without it |
//! |---|---|
//! | the log's thread pauses after a write, so that the next one has many lines (`logging/writer.rs`) | +34% |
//! | a send before the socket is registered, instead of a task per client (`accept.rs`) | +21% |
//! | a queue of closing sockets, instead of a task for each (`closing.rs`) | +20% |
//! | MSG_MORE, so that the poem and the FIN share a segment (`payload.rs`) | +14% |
//! | one worker accepts clients as long as it keeps up; with two workers (`listener.rs`) | +13% |
//! | TCP_INFO instead of an accept4 that finds no client (`listener.rs`) | +10% |
//! | a timer that is set once for each check of closing sockets, and none of Tokio's (`alarm.rs`) | +7% |
//! | one shutdown(2) instead of removing SO_LINGER and a recv(2) (`closing.rs`) | +4% |
//! | addresses in the log formatted without the standard library's padding (`peer.rs`) | +2% |
//! | large poems by sendfile(2) (`payload.rs`): 8 MiB, 16 MiB to 64 clients each | +30%, +60% |
//!
//! Without its line in the log, a poem would take 3 to 4% less. Some things were tried and left out, since they had no
//! effect: a first check of closing sockets after 2 to 8 ms instead of 16; no check, but an immediate close; a pause
//! before clients are accepted, so that there are more of them in a batch; one question to TCP_INFO per batch instead
//! of one or two.
//!
//! A [`UdpServer`] receives datagrams, and a [`Responder`] decides how to answer them: `answer.rs` is its loop,
//! `rate.rs` limits how often each source is answered.
//!
//! # What is counted
//!
//! Each server has counters at its path in the tree (`connection_counters.rs`, `datagram_counters.rs`), one set
//! for each address that it listens on. They outlive restarts of the service. They can be read from any thread:
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
//! A [`TcpServer`] or a [`UnixServer`] has these:
//!
//! | name | meaning |
//! |---|---|
//! | `connections_opened` | connections accepted |
//! | `connections_open` | those that have not ended yet, a gauge |
//! | `connections_completed` | the protocol finished without an error, everything was sent, and the client closed
//! normally, or the kernel sends the rest |
//! | `connections_failed` | those that ended in another way, by `reason` |
//! | `sent_bytes` | bytes that the kernel has accepted for the clients |
//! | `received_bytes` | bytes that protocols have read; bytes that are discarded are not counted |
//!
//! At any time, `connections_opened` is the sum of the next three. Bytes are counted with the first send, or when
//! the connection has ended if it takes longer. The label `reason` is one of these:
//!
//! | reason | why the connection failed |
//! |---|---|
//! | `gone` | the client reset it, or the network lost it, before anything was sent |
//! | `reset` | the same, later; also a client that closes without having read everything |
//! | `timeout` | the client read nothing for [`write_timeout`](ServerOptions::write_timeout) |
//! | `protocol` | the protocol returned an error of its own, or panicked |
//! | `system` | the system did not have enough memory |
//! | `cut` | it was not finished at the deadline of a stop, or when the server failed |
//!
//! For a [`UdpServer`], `datagrams_received` is the sum of `datagrams_answered` and `datagrams_unanswered`.
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
//! Counting costs a load and a store: each accept loop has its own numbers (`cells.rs`), which are added up when
//! they are read. If a connection runs in a task on another worker, its loop counts it when the task has ended.

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
mod lines;
mod listen;
mod listen_fn;
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
pub use lines::Lines;
pub use listen_fn::ListenFn;
pub use listen_tcp::Listen;
pub use options::ServerOptions;
pub use payload::Payload;
pub use peer::Peer;
pub use protocol::Protocol;
pub use responder::{ReflectionError, Responder, UdpOptions};
pub use tcp_server::TcpServer;
pub use udp_server::UdpServer;
pub use unix_server::UnixServer;
