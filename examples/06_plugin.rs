//! A plugin and a kind of service from the same type: a server that tells every visitor the number that it has come as.
//!
//!     cargo run --example 06_plugin -- visitors --help
//!     cargo run --example 06_plugin -- --nodaemon visitors --port 10008 --first 100
//!
//! In an application file:
//!
//!     [services.door]
//!     kind = "visitors"
//!     port = 10008
//!     first = 100

use poetryd::clap::builder::NonEmptyStringValueParser;
use poetryd::clap::{self, Args};
use poetryd::config::{Kind, Section};
use poetryd::net::{Listen, Payload, Peer, Protocol};
use poetryd::service::Service;
use poetryd::{Program, async_trait};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

/// The options of the plugin and the keys of the kind. The comments are what `visitors --help` says of them.
#[derive(Args, Debug, PartialEq)]
struct Visitors {
    #[command(flatten)]
    listen: Listen,
    /// The number of the first visitor
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    first: u64,
    /// What to say before the number
    #[arg(long, value_name = "TEXT", default_value = "You are visitor", value_parser = NonEmptyStringValueParser::new())]
    greeting: String,
}

impl Kind for Visitors {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        section.args()
    }

    fn service(&self) -> Box<dyn Service> {
        let (first, greeting) = (self.first, self.greeting.clone());
        // Called when the server starts, in the daemon.
        let counter =
            move |_: &_| Ok(Counter { next: AtomicU64::new(first), greeting: greeting.clone() });
        Box::new(self.listen.clone().server(counter))
    }
}

struct Counter {
    next: AtomicU64,
    greeting: String,
}

#[async_trait]
impl Protocol for Counter {
    fn monologue(&self, _: &Peer) -> Option<Payload> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Some(format!("{} {number}\n", self.greeting).into())
    }
}

fn main() -> ExitCode {
    let about = "Tells everybody the number that they have come as";
    let program = Program::new("counterd", "1.0", "Counts its visitors");
    program.kind::<Visitors>("visitors", about).main()
}
