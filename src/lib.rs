//! Runs a tree of Tokio services as a well-behaved Unix daemon, as `twistd` does for Twisted, and serves poetry
//! out of the box.
//!
//! A program that uses it has a command line, application files in TOML, a pid file, a log that rotates, privileges that are
//! given up, signals, systemd's protocols, and a stop that finishes what is in progress. What is left to be written is what it
//! does. It is for Linux only.
//!
//! # The smallest daemon
//!
//! It says hello to each client. `hellod` becomes a daemon, `hellod --nodaemon` stays in the foreground, `hellod stop` stops it, and
//! `hellod --help` lists the rest:
//!
//! ```no_run
//! use poetryd::net::{Interface, Payload, Peer, Protocol, TcpServer};
//! use poetryd::service::Application;
//! use poetryd::{Program, async_trait};
//!
//! struct Hello;
//!
//! #[async_trait]
//! impl Protocol for Hello {
//!     fn monologue(&self, peer: &Peer) -> Option<Payload> {
//!         Some(format!("hello, {peer}\n").into())
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     let program = Program::new("hellod", "1.0", "Says hello to its clients").built_in(|| {
//!         let mut application = Application::new("hello");
//!         let interface = Interface::resolve("localhost")?;
//!         application.add("hello", TcpServer::new(interface, 10007, |_| Ok(Hello)))?;
//!         Ok(application)
//!     });
//!     program.main()
//! }
//! ```
//!
//! # Which module for what
//!
//! **To write a service: [`service`].** A service starts and stops. One that is a loop is a function, and there are timers and
//! outgoing connections. Services find each other by name, and those that were found stop last.
//!
//! ```
//! use poetryd::service::{Application, BoxError, ServiceFn, TimerService};
//! use std::time::Duration;
//!
//! let mut application = Application::new("example");
//! let worker = ServiceFn::new(|cx| async move {
//!     cx.status("waits until it is to close");
//!     cx.closing().await;
//!     Ok(()) // here it would save what it has
//! });
//! let timer = TimerService::new(Duration::from_secs(60), |_| async {
//!     tracing::info!("a minute has passed");
//!     Ok(())
//! });
//! application.add("worker", worker)?;
//! application.add("timer", timer)?;
//! # Ok::<(), BoxError>(())
//! ```
//!
//! **To listen: [`net`].** Servers on TCP, Unix sockets and UDP, for a protocol of your own, and listeners for libraries such as
//! axum. **To test that, or to open sockets of your own: [`sockets`].** Every listening socket of the process is there, whoever
//! has opened it.
//!
//! ```
//! use poetryd::net::{Interface, Payload, Peer, Protocol, TcpServer};
//! use poetryd::service::{Application, BoxError, Resources, Workers};
//! use poetryd::sockets::Sockets;
//! use tokio::io::AsyncReadExt;
//! use tokio::time::{Duration, Instant};
//!
//! struct Hello;
//!
//! impl Protocol for Hello {
//!     fn monologue(&self, _: &Peer) -> Option<Payload> {
//!         Some("hello\n".to_owned().into())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let mut application = Application::new("example");
//! application.add("hello", TcpServer::new(Interface::resolve("127.0.0.1")?, 0, |_| Ok(Hello)))?;
//!
//! // Without a daemon, as in a test:
//! let (sockets, resources) = (Sockets::new(), Resources::new());
//! sockets.lend(&resources);
//! application.privileged_start(&resources)?;
//! application.start(&resources, Workers::current()).await?;
//! let address = sockets.list()[0].endpoint.address().ok_or("not an address of TCP")?;
//! let mut greeting = String::new();
//! tokio::net::TcpStream::connect(address).await?.read_to_string(&mut greeting).await?;
//! assert_eq!(greeting, "hello\n");
//! application.stop(Instant::now() + Duration::from_secs(10)).await?;
//! # Ok(()) }
//! ```
//!
//! **To have kinds of service of your own in application files: [`config`].** A kind is a type with checked settings. All
//! mistakes in a file are found before anything starts, with line and column.
//!
//! ```
//! use poetryd::config::{self, Kind, Registry, Section, read};
//! use poetryd::service::{Service, ServiceFn};
//!
//! #[derive(Debug, PartialEq)]
//! struct Saying {
//!     text: String,
//! }
//!
//! impl Kind for Saying {
//!     fn read(section: &mut Section<'_>) -> Option<Self> {
//!         Some(Self { text: section.required("text", read::word)? })
//!     }
//!
//!     fn service(&self) -> Box<dyn Service> {
//!         let text = self.text.clone();
//!         Box::new(ServiceFn::new(move |_| {
//!             tracing::info!("{text}");
//!             async { Ok(()) }
//!         }))
//!     }
//! }
//!
//! let mut registry = Registry::new();
//! registry.kind::<Saying>("saying");
//! let file = "[services.first]\nkind = \"saying\"\ntext = \"hello\"\n";
//! let (application, ()) = config::parse("example.toml", file, &registry, |_| ())?;
//! assert!(application.services().contains("first"));
//! # Ok::<(), config::ConfigError>(())
//! ```
//!
//! **To have options of its own on the command line: [`plugin`].** A plugin makes an application of them. [`Program::kind`] makes
//! a kind and a plugin of one type for which `clap` derives options; [`plugin`] has an example.
//!
//! **To become a daemon: [`Program`]**, with a command line, or [`daemon::run`] without one:
//!
//! ```no_run
//! use poetryd::daemon::{self, Environment, Options};
//! use poetryd::service::Application;
//!
//! fn main() -> Result<(), daemon::RunError> {
//!     let source = || Ok((Application::new("nothing yet"), Options::default()));
//!     daemon::run("example", Environment::claim(), Options::default(), source)
//! }
//! ```
//!
//! **To log:** the macros of `tracing`, such as `tracing::info!`; each line has the path of the service in whose task it was
//! written. [`logging`] says where lines go. [`Program::layer`] adds a layer of [`tracing_subscriber`]:
//!
//! ```
//! use poetryd::Program;
//! use poetryd::tracing_subscriber::layer::Identity;
//!
//! let program = Program::new("exampled", "1.0", "An example").layer(Identity::new());
//! # drop(program);
//! ```
//!
//! The [`guide`] shows it step by step: [writing services](guide::writing_services), [a whole key-value
//! daemon](guide::key_value), [testing services](guide::testing_services), and everything about running a daemon. The folder
//! `examples` has fourteen programs, each of which shows one thing.
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
//! | `poetry` | the poem service, its protocols, its plugins, and a client | plugin, config, net, service, sockets |
//! | [`logging`] | the format of log lines, and where they go: rotating file, syslog, journal | nothing |
//! | [`daemon`] | the life of a process: detaching, pid file, privileges, signals, readiness | service, sockets, logging, control |
//! | `control` | the control socket, and its clients | document, http, service |
//! | `document` | what is known about a daemon, as a JSON document | service |
//! | `web` | the kind `status`: metrics, health, and a page | config, document, http, net, service, sockets |
//! | `http` | serves HTTP to a limited number of clients | nothing |
//! | [`cli`] | the command line | config, daemon, logging, service |
//! | [`guide`] | the user's guide | nothing |
//! | `program` | [`Program`]: command line, application file and daemon in one call | cli, config, control, daemon, document, logging, plugin, service, web |
//! | `chain` | the text of an error with all its causes | nothing; every module may use it |
//! | `file_id` | whether two names or descriptors are the same file | nothing; every module may use it |
//! | `sync` | locks that a panic does not poison | nothing; every module may use it |
//! | `value` | reads one value of an option or of a key in a file, and shows it in messages | nothing; every module may use it |
//! | `threads` | whether the process has other threads | nothing; every module may use it |
//!
//! # Features
//!
//! All are on by default. Without them, the library has all that a daemon of your own needs, and at most 75 other
//! crates.
//!
//! - `poetry`: the module with that name, and the program `poetryd`.
//! - `client`: the program `get-poetry`. This includes `poetry`.
//! - `control`: the control socket, and the commands that need it. Without it, `status` says only whether the daemon is
//!   running, and there are no `reload`, `service`, `log-level` and `rotate`.
//! - `web`: the kind `status`: metrics, health, and a page.
//! - `generate`: the command with that name: manual pages, completions for shells, and a schema and examples of application
//!   files.

#![deny(missing_docs)]

mod chain;
#[cfg(feature = "control")]
mod control;
mod file_id;
mod program;
mod sync;

pub use async_trait::async_trait;
pub use clap;
pub use program::{Program, ReferenceTable};
pub use tracing;
pub use tracing_subscriber;

pub mod cli;
pub mod config;
pub mod daemon;
#[cfg(any(feature = "control", feature = "web"))]
mod document;
pub mod guide;
#[cfg(any(feature = "control", feature = "web"))]
mod http;
pub mod logging;
pub mod net;
pub mod plugin;
#[cfg(feature = "poetry")]
pub mod poetry;
pub mod service;
pub mod sockets;
mod threads;
mod value;
#[cfg(feature = "web")]
pub mod web;
