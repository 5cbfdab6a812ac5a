//! A protocol that listens, too: it sends back what it receives, and ends when the daemon stops.
//!
//!     cargo run --example 02_echo -- --nodaemon
//!     echo hello | nc -N localhost 10007

use poetryd::net::{Connection, Interface, Protocol, TcpServer};
use poetryd::service::{Application, BoxError};
use poetryd::{Program, async_trait};
use std::process::ExitCode;

struct Echo;

#[async_trait]
impl Protocol for Echo {
    async fn converse(&self, connection: &mut Connection) -> std::io::Result<()> {
        let stopping = connection.stopping();
        let (mut from, mut to) = tokio::io::split(connection);
        tokio::select! {
            copied = tokio::io::copy(&mut from, &mut to) => copied.map(drop),
            () = stopping => Ok(()),
        }
    }
}

fn application() -> Result<Application, BoxError> {
    let mut application = Application::new("echo");
    let server = TcpServer::new(Interface::resolve("localhost")?, 10007, |_| Ok(Echo));
    application.add("echo", server)?;
    Ok(application)
}

fn main() -> ExitCode {
    Program::new("echod", "1.0", "Says what you say").built_in(application).main()
}
