//! The options of a server.

use crate::value::read::{parse_seconds, parse_seconds_above_0};
use clap::{Args, value_parser};
use std::time::Duration;

/// The options of a server, besides where it listens.
///
/// `clap` derives options from it, so that a plugin can have them, too: see [`Listen`](super::Listen).
#[derive(Args, Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ServerOptions {
    /// How many clients may wait to be accepted; the kernel limits this, too (net.core.somaxconn)
    #[arg(long, value_name = "NUMBER", default_value_t = Self::BACKLOG, value_parser = value_parser!(u32).range(1..=Self::LONGEST_BACKLOG))]
    pub backlog: u32,
    /// How many connections there may be at the same time [default: what the limit of open files allows] [example: 1000]
    #[arg(long, value_name = "NUMBER", value_parser = parse_max_connections)]
    pub max_connections: Option<usize>,
    /// How long a client may read nothing before it is dropped
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds_above_0)]
    pub write_timeout: Duration,
    /// How long a client that has received everything may keep its side of the connection open
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    pub linger_timeout: Duration,
}

impl ServerOptions {
    const BACKLOG: u32 = 4096;
    const LONGEST_BACKLOG: i64 = i32::MAX as i64;
}

fn parse_max_connections(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok().filter(|number| (1..=1_000_000_000).contains(number));
    number.ok_or("expected a whole number from 1 to 1000000000")
}

impl Default for ServerOptions {
    /// A backlog of 4096, what the process has [descriptors](crate::sockets::Descriptors) for, 60 seconds, 5 seconds.
    fn default() -> Self {
        Self {
            backlog: Self::BACKLOG,
            max_connections: None,
            write_timeout: Duration::from_secs(60),
            linger_timeout: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests;
