//! A server on a Unix socket, for its own user only: the file `uptime.sock` has the mode 600 from the first moment.
//!
//!     cargo run --example 07_unix_socket -- --nodaemon
//!     nc -U uptime.sock < /dev/null

use poetryd::net::{Payload, Peer, Protocol, UnixServer};
use poetryd::service::{Application, BoxError};
use poetryd::{Program, async_trait};
use std::process::ExitCode;
use std::time::Instant;

struct Uptime(Instant);

#[async_trait]
impl Protocol for Uptime {
    fn monologue(&self, _: &Peer) -> Option<Payload> {
        Some(format!("up for {} s\n", self.0.elapsed().as_secs()).into())
    }
}

fn application() -> Result<Application, BoxError> {
    let mut application = Application::new("uptime");
    let server = UnixServer::new("uptime.sock", |_| Ok(Uptime(Instant::now()))).mode(0o600);
    application.add("uptime", server)?;
    Ok(application)
}

fn main() -> ExitCode {
    Program::new("uptimed", "1.0", "Says how long it has been up").built_in(application).main()
}
