//! Runs a tree of Tokio services as a well-behaved Unix daemon, as `twistd` does for Twisted; and serves
//! poetry out of the box.
//!
//! A whole daemon, with its command line, pid file, log, privileges, signals and orderly stop:
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
//! # The rooms of this house
//!
//! Each uses only those named behind its arrow.
//!
//! | room | what is in it |
//! |---|---|
//! | [`service`] | the tree: [`Service`](service::Service), [`MultiService`](service::MultiService), [`Application`](service::Application), the context that a service starts with |
//! | [`sockets`] | every listening socket of the process, inherited or bound |
//! | [`net`] | ready-made services on sockets, the serving path, the orderly close → sockets, service |
//! | [`config`] | TOML → checked settings → tree, through a registry of kinds and protocols → service, net |
//! | [`plugin`] | applications made from a name and options: compiled in, or from a manifest → config, service |
//! | [`poetry`] | the poem service, its protocols and its plugins → plugin, config, net, service |
//! | [`logging`] | line format, rotating file, syslog, journal |
//! | [`daemon`] | one process's life: detach, pid file, privileges, signals, readiness → service, sockets, net, logging |
//! | [`cli`] | the command line |
//! | [`Program`] | where they all meet |
//!
//! Most programs need three of them: [`service`] to write services, [`net`] to listen, and [`Program`]
//! (or, without a command line, [`daemon::run`]) to become a daemon. With a [`config::Registry`] a
//! program's own kinds of service can be named in TOML files.

#![deny(missing_docs)]

mod file_id;
mod program;
mod sync;

pub use async_trait::async_trait;
pub use clap;
pub use program::Program;

pub mod cli;
pub mod config;
pub mod daemon;
pub mod logging;
pub mod net;
pub mod plugin;
pub mod poetry;
pub mod service;
pub mod sockets;
mod threads;
