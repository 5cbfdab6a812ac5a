//! An outgoing connection that is made again whenever it is lost: lines that clients send to port 10007 go to the
//! server on port 10008.
//!
//!     cargo run --example 10_client -- --nodaemon
//!     nc -k -l localhost 10008                 # the other server: stop it and start it again
//!     nc localhost 10007

use poetryd::net::{Connection, Interface, Protocol, TcpServer};
use poetryd::service::{Application, BoxError, Client, ClientService};
use poetryd::{Program, async_trait};
use std::process::ExitCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, Sender};

/// Connects. Returns what others use the connection by, and what works it for as long as it lasts.
async fn connect()
-> Result<(Sender<String>, impl Future<Output = Result<(), BoxError>> + Send), BoxError> {
    let (mut from, mut to) = TcpStream::connect("localhost:10008").await?.into_split();
    let (sender, mut lines) = mpsc::channel::<String>(100);
    let connection = async move {
        let mut ignored = [0; 1000];
        loop {
            tokio::select! {
                read = from.read(&mut ignored) => if read? == 0 { return Ok(()) },
                line = lines.recv() => match line {
                    Some(line) => to.write_all(line.as_bytes()).await?,
                    None => return Ok(()), // the service stops
                },
            }
        }
    };
    Ok((sender, connection))
}

struct Forward(Client<Sender<String>>);

#[async_trait]
impl Protocol for Forward {
    async fn converse(&self, connection: &mut Connection) -> std::io::Result<()> {
        let mut lines = connection.lines(1000);
        while let Some(line) = lines.next().await? {
            let answer = match self.0.connected() {
                Some(server) if server.send(line + "\n").await.is_ok() => "passed on\n",
                _ => "not connected\n",
            };
            lines.send(answer).await?;
        }
        Ok(())
    }
}

fn application() -> Result<Application, BoxError> {
    let mut application = Application::new("forward");
    application.add("upstream", ClientService::new(|_| connect()))?;
    let interface = Interface::resolve("localhost")?;
    let server = TcpServer::new(interface, 10007, |cx| Ok(Forward(cx.find("upstream")?)));
    application.add("server", server)?;
    Ok(application)
}

fn main() -> ExitCode {
    Program::new("forwardd", "1.0", "Passes lines on").built_in(application).main()
}
