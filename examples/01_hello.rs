//! The smallest daemon: it says hello to each client.
//!
//!     cargo run --example 01_hello -- --nodaemon
//!     nc localhost 10007

use poetryd::net::{Interface, Payload, Peer, Protocol, TcpServer};
use poetryd::service::Application;
use poetryd::{Program, async_trait};

struct Hello;

#[async_trait]
impl Protocol for Hello {
    fn monologue(&self, peer: &Peer) -> Option<Payload> {
        Some(format!("hello, {peer}\n").into())
    }
}

fn main() -> std::process::ExitCode {
    let program = Program::new("hellod", "1.0", "Says hello to its clients").built_in(|| {
        let mut application = Application::new("hello");
        let interface = Interface::resolve("localhost")?;
        application.add("hello", TcpServer::new(interface, 10007, |_| Ok(Hello)))?;
        Ok(application)
    });
    program.main()
}
