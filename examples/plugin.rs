//! A complete twistd-like program by one call, with a plugin of its own: a counter, which tells every
//! visitor the number that it has come as.
//!
//!     cargo run --example plugin -- --help               # the runner's options, and the plugins
//!     cargo run --example plugin -- visitors --help      # the plugin's options
//!     cargo run --example plugin -- --nodaemon visitors --port 10008 --first 100
//!     nc localhost 10008

use poetryd::clap::{self, Args};
use poetryd::daemon::Environment;
use poetryd::net::{Interface, Payload, Peer, Protocol, TcpServer};
use poetryd::plugin::{MakeContext, Plugins, ServiceMaker};
use poetryd::service::{Application, BoxError};
use poetryd::{Program, async_trait};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is said on a connection. There is one of it for all connections, so it can count them.
struct Counter {
    next: AtomicU64,
    greeting: String,
}

#[async_trait]
impl Protocol for Counter {
    /// All that is said to a client. A protocol that listens as well implements `converse` instead.
    fn monologue(&self, _: &Peer) -> Option<Payload> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Some(format!("{} {number}\n", self.greeting).into())
    }
}

/// The plugin's options, as clap derives them: those that stand behind its name on the command line. The
/// comments are what `visitors --help` says of them.
#[derive(Args)]
struct VisitorsOptions {
    /// The port of localhost; 0 is any free one
    #[arg(short, long, default_value_t = 10008)]
    port: u16,
    /// The number of the first visitor
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    first: u64,
    /// What to say before the number
    #[arg(long, value_name = "TEXT", default_value = "You are visitor")]
    greeting: String,
}

/// The plugin: a name, a description, and how to make an application from the options.
struct Visitors;

impl ServiceMaker for Visitors {
    type Options = VisitorsOptions;
    const NAME: &str = "visitors";
    const DESCRIPTION: &str = "Tells everybody the number that they have come as";

    /// Called before there is a daemon: an error is a wrong command line, and is reported as one.
    fn make_service(
        &self,
        options: VisitorsOptions,
        _: &MakeContext,
    ) -> Result<Application, BoxError> {
        let VisitorsOptions { port, first, greeting } = options;
        if greeting.is_empty() {
            return Err("--greeting can't be empty".into());
        }
        // Called when the server starts, in the daemon.
        let counter =
            move |_: &_| Ok(Counter { next: AtomicU64::new(first), greeting: greeting.clone() });
        let mut application = Application::new(Self::NAME);
        application
            .add("counter", TcpServer::new(Interface::resolve("localhost")?, port, counter))?;
        Ok(application)
    }
}

fn main() -> ExitCode {
    let environment = Environment::claim(); // what systemd and the shell handed over: first of all
    let mut plugins = Plugins::new();
    plugins.add(Visitors);
    let program = Program::new("counterd", "1.0", "Counts its visitors").plugins(plugins);
    program.run(environment, std::env::args_os())
}
