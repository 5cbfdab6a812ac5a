//! The poetryd program.

use poetryd::config::Registry;
use poetryd::daemon::Environment;
use poetryd::{Program, poetry};
use std::process::ExitCode;

fn main() -> ExitCode {
    let environment = Environment::claim();
    let mut registry = Registry::new();
    poetry::register(&mut registry);
    Program::new(
        "poetryd",
        env!("CARGO_PKG_VERSION"),
        "Runs a tree of services as a well-behaved Unix daemon; poetry out of the box",
    )
    .registry(registry)
    .plugins(poetry::plugins())
    .built_in(|| Ok(poetry::built_in_application()?))
    .run(environment, std::env::args_os())
}
