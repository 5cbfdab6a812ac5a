//! A service that is tested in the test's own process, on a free port, without a daemon around it.
//!
//!     cargo test --example 13_testing
//!     cargo run --example 13_testing -- --nodaemon

use poetryd::net::{Interface, Payload, Peer, Protocol, TcpServer};
use poetryd::service::{Application, BoxError};
use poetryd::{Program, async_trait};
use std::process::ExitCode;

struct Hello;

#[async_trait]
impl Protocol for Hello {
    fn monologue(&self, _: &Peer) -> Option<Payload> {
        Some("hello\n".to_owned().into())
    }
}

fn application(port: u16) -> Result<Application, BoxError> {
    let mut application = Application::new("hello");
    let interface = Interface::resolve("127.0.0.1")?;
    application.add("hello", TcpServer::new(interface, port, |_| Ok(Hello)))?;
    Ok(application)
}

fn main() -> ExitCode {
    Program::new("hellod", "1.0", "Says hello").built_in(|| application(10007)).main()
}

#[cfg(test)]
mod tests {
    use super::*;
    use poetryd::service::{Resources, Workers};
    use poetryd::sockets::Sockets;
    use std::time::Duration;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpStream;
    use tokio::time::Instant;

    #[tokio::test]
    async fn it_says_hello() -> Result<(), BoxError> {
        let (sockets, resources) = (Sockets::new(), Resources::new());
        sockets.lend(&resources);
        let mut application = application(0)?;
        application.privileged_start(&resources)?;
        application.start(&resources, Workers::current()).await?;

        let address = sockets.list()[0].endpoint.address().ok_or("not an address of TCP")?;
        let mut greeting = String::new();
        TcpStream::connect(address).await?.read_to_string(&mut greeting).await?;
        assert_eq!(greeting, "hello\n");

        application.close();
        application.stop(Instant::now() + Duration::from_secs(10)).await?;
        Ok(())
    }
}
