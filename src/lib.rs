//! Runs a tree of Tokio services as a well-behaved Unix daemon, as `twistd` does for Twisted, and serves poetry
//! out of the box.
//!
//! This is a complete daemon, with a command line, pid file, log, privileges, signals and a clean stop:
//!
//! ```no_run
//! use poetryd::daemon::Environment;
//! use poetryd::net::{Connection, Interface, Protocol, TcpServer};
//! use poetryd::service::{Application, BoxError};
//! use poetryd::{Program, async_trait};
//!
//! struct Echo;
//!
//! #[async_trait]
//! impl Protocol for Echo {
//!     async fn converse(&self, connection: &mut Connection) -> std::io::Result<()> {
//!         let stopping = connection.stopping();
//!         let (mut from, mut to) = tokio::io::split(connection);
//!         tokio::select! {
//!             copied = tokio::io::copy(&mut from, &mut to) => copied.map(drop),
//!             () = stopping => Ok(()),
//!         }
//!     }
//! }
//!
//! fn application() -> Result<Application, BoxError> {
//!     let mut application = Application::new("echo");
//!     let server = TcpServer::new(Interface::resolve("localhost")?, 10007, |_| Ok(Echo));
//!     application.add("echo", server)?;
//!     Ok(application)
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     let environment = Environment::claim();
//!     let program = Program::new("echod", "1.0", "Says what you say").built_in(application);
//!     program.run(environment, std::env::args_os())
//! }
//! ```
//!
//! # Modules
//!
//! A module uses only those named in the last column.
//!
//! | module | what it is for | uses |
//! |---|---|---|
//! | [`service`] | the tree of services: [`Service`](service::Service), [`MultiService`](service::MultiService), [`Application`](service::Application), and the context that a service gets when it starts | nothing |
//! | [`sockets`] | every listening socket of the process, inherited, stored or bound, and how many descriptors are left for connections | service |
//! | [`net`] | ready-made services that listen on sockets, from accept to close | sockets, service |
//! | [`config`] | reads an application file: from TOML to checked settings to a tree of services, with the kinds and protocols of a [`Registry`](config::Registry) | net, service |
//! | [`plugin`] | plugins, which make an application from options of their own: compiled in, or declared by manifests | config, service |
//! | `poetry` | the poem service, its protocols, its plugins, and a client | plugin, config, net, service |
//! | [`logging`] | the format of log lines, and where they go: rotating file, syslog, journal | nothing |
//! | [`daemon`] | the life of a process: detaching, pid file, privileges, signals, readiness | service, sockets, logging |
//! | [`cli`] | the command line | config, daemon, logging |
//! | [`guide`] | the user's guide | nothing |
//! | `program` | [`Program`]: command line, application file and daemon in one call | cli, config, daemon, logging, plugin, service |
//! | `chain` | the text of an error with all its causes | nothing; every module may use it |
//! | `file_id` | whether two names or descriptors are the same file | nothing; every module may use it |
//! | `sync` | locks that a panic does not poison | nothing; every module may use it |
//! | `value` | reads one value of an option or of a key in a file, and shows it in messages | nothing; every module may use it |
//! | `threads` | whether the process has other threads | nothing; every module may use it |
//!
//! Most programs need three of them: [`service`] to write services, [`net`] to listen, and [`Program`]
//! (or, without a command line, [`daemon::run`]) to become a daemon. With a [`config::Registry`] a
//! program's own kinds of service can be named in TOML files.
//!
//! The [`guide`] shows it step by step: [writing services](guide::writing_services), [testing
//! them](guide::testing_services), and everything about running a daemon.
//!
//! # Features
//!
//! Both are on by default. Without them, the library has all that a daemon of your own needs, and at most 75 other
//! crates.
//!
//! - `poetry`: the module with that name, and the program `poetryd`.
//! - `client`: the program `get-poetry`. This includes `poetry`.

#![deny(missing_docs)]

mod chain;
mod file_id;
mod program;
mod sync;

pub use async_trait::async_trait;
pub use clap;
pub use program::{Program, ReferenceTable};
pub use tracing_subscriber;

pub mod cli;
pub mod config;
pub mod daemon;
pub mod guide;
pub mod logging;
pub mod net;
pub mod plugin;
#[cfg(feature = "poetry")]
pub mod poetry;
pub mod service;
pub mod sockets;
mod threads;
mod value;
