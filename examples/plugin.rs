//! A complete program like twistd in one call, with a plugin of its own that is also a kind of service: a
//! counter, which tells each visitor its number.
//!
//!     cargo run --example plugin -- --help               # the runner's options, and the plugins
//!     cargo run --example plugin -- visitors --help      # the plugin's options
//!     cargo run --example plugin -- --nodaemon visitors --port 10008 --first 100
//!     nc localhost 10008
//!
//! In an application file:
//!
//!     [services.door]
//!     kind = "visitors"
//!     port = 10008
//!     first = 100

use poetryd::clap::builder::NonEmptyStringValueParser;
use poetryd::clap::{self, Args};
use poetryd::config::{Kind, Registry, Section};
use poetryd::daemon::Environment;
use poetryd::net::{Listen, Payload, Peer, Protocol};
use poetryd::plugin::Plugins;
use poetryd::service::Service;
use poetryd::{Program, async_trait};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

/// The protocol. There is one for all connections, so it can count them.
struct Counter {
    next: AtomicU64,
    greeting: String,
}

#[async_trait]
impl Protocol for Counter {
    /// All that is sent to a client. A protocol that also reads implements `converse` instead.
    fn monologue(&self, _: &Peer) -> Option<Payload> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Some(format!("{} {number}\n", self.greeting).into())
    }
}

/// The options of the plugin and the keys of the kind, in one type. The comments are shown by `visitors
/// --help`.
#[derive(Args, Debug, PartialEq)]
struct Visitors {
    #[command(flatten)]
    listen: Listen,
    /// The number of the first visitor
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    first: u64,
    /// The text before the number
    #[arg(long, value_name = "TEXT", default_value = "You are visitor", value_parser = NonEmptyStringValueParser::new())]
    greeting: String,
}

impl Kind for Visitors {
    /// Called for each `[services.NAME]` with `kind = "visitors"`.
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let visitors: Self = section.args()?;
        section.listens_on("port", visitors.listen.addresses());
        Some(visitors)
    }

    fn service(&self) -> Box<dyn Service> {
        let (first, greeting) = (self.first, self.greeting.clone());
        // Called when the server starts, in the daemon.
        let counter =
            move |_: &_| Ok(Counter { next: AtomicU64::new(first), greeting: greeting.clone() });
        Box::new(self.listen.clone().server(counter))
    }
}

fn main() -> ExitCode {
    let environment = Environment::claim(); // what systemd and the shell handed over: first of all
    let (mut registry, mut plugins) = (Registry::new(), Plugins::new());
    registry.kind::<Visitors>("visitors");
    plugins.add_kind::<Visitors>("visitors", "Tells everybody the number that they have come as");
    let program = Program::new("counterd", "1.0", "Counts its visitors");
    program.registry(registry).plugins(plugins).run(environment, std::env::args_os())
}
