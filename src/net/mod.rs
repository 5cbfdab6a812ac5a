//! Servers on TCP, Unix sockets and UDP, ready to be added to an application.
//!
//! | to | use |
//! |---|---|
//! | serve a protocol on a TCP port | [`TcpServer`], or [`Listen`] where interface and port come from a file or a command line |
//! | serve it on a Unix socket | [`UnixServer`] |
//! | say the same to everybody, or something that is ready at once | [`Protocol::monologue`], which costs no task |
//! | talk with a client | [`Protocol::converse`], with a [`Connection`] that is read and written like any stream of Tokio |
//! | answer lines | [`Connection::lines`] |
//! | send a large text to many clients from one copy | [`Payload`] |
//! | answer datagrams | [`UdpServer`] with a [`Responder`] |
//! | let axum or another library accept the clients | [`Listen::serve`] |
//!
//! ```
//! use poetryd::async_trait;
//! use poetryd::net::{Connection, Interface, Protocol, TcpServer};
//! use poetryd::service::{Application, BoxError};
//!
//! struct Upper;
//!
//! #[async_trait]
//! impl Protocol for Upper {
//!     async fn converse(&self, connection: &mut Connection) -> std::io::Result<()> {
//!         let mut lines = connection.lines(1000);
//!         while let Some(line) = lines.next().await? {
//!             lines.send(line.to_uppercase() + "\n").await?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let mut application = Application::new("upper");
//! let interface = Interface::resolve("localhost")?;
//! application.add("upper", TcpServer::new(interface, 10007, |_| Ok(Upper)))?;
//! # Ok::<(), BoxError>(())
//! ```
//!
//! # What holds for every connection
//!
//! - Clients are accepted when the whole application has started, and only if the process has a descriptor for each; the
//!   others wait in the kernel's queue. [`ServerOptions`] has the limits.
//! - A client on TCP can always tell a whole answer from a cut one: an answer that could not be finished ends in a reset, never
//!   in a normal close, even if the daemon is killed. (A Unix socket has no reset.)
//! - After the answer the server closes its side, discards what the client still sends, and waits for the client to close, too,
//!   for at most `linger_timeout`. Closing a socket with unread input would send a reset, which can destroy the end of the
//!   answer on its way.
//! - A client that takes nothing for `write_timeout` is dropped.
//! - At a stop, clients that wait are served, everybody else is refused, and conversations may go on until the deadline. What
//!   is unfinished then is cut.
//! - A panic in a protocol costs that one connection.
//!
//! # What is counted
//!
//! Each server has counters at its path in the tree, one set for each address that it listens on. They outlive
//! restarts of the service. They can be read from any thread:
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

// The path of a connection (`serving.rs` starts and stops it all):
//
// 1. `listener.rs`: the listening socket, and which of the workers takes its clients. `accept.rs`: one loop per
//    listening socket and worker takes clients in batches; `duty.rs` says when. A protocol that only speaks is sent
//    right there, before the socket is registered with any reactor.
// 2. `deliver.rs`: what did not fit the socket's buffer becomes a task that sends the rest. `queue.rs`: how much the kernel
//    queues meanwhile.
// 3. `connection.rs`: a protocol that also listens gets a task and a `Connection`; `lines.rs` reads lines from it.
// 4. `closing.rs`: the end of every connection. `draining.rs`: how many a closed server still has.
//
// `answer.rs` is the loop of UDP, `batch.rs` its system calls, and `rate.rs` how often it answers whom. `listen_fn.rs`
// leaves accepting to others.
//
// `connection_counters.rs` and `datagram_counters.rs`: what is counted. Counting costs a load and a store: each accept loop
// has its own numbers (`cells.rs`), which are added up when they are read. If a connection runs in a task on another
// worker, its loop counts it when the task has ended.
//
// What each measure that makes this fast is worth: see benches/README.md.

mod accept;
mod alarm;
mod answer;
mod batch;
mod burst;
mod cells;
mod closing;
mod connection;
mod connection_counters;
mod datagram_counters;
mod deliver;
mod draining;
mod duty;
mod interface;
mod limit;
mod lines;
mod listen;
mod listen_fn;
mod listen_tcp;
mod listener;
mod memory;
mod options;
mod pages;
mod payload;
mod peer;
mod protocol;
mod queue;
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
#[cfg(feature = "poetry")]
pub(crate) use interface::addresses_of;
pub use interface::{Interface, ResolveError};
pub use lines::Lines;
#[cfg(feature = "web")]
pub(crate) use listen::{ListenedOn, log_open};
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
