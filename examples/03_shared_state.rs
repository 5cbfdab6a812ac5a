//! State that all connections share: each line is a vote, and the answer is how many it has. There is one protocol
//! for all connections of a server, so what they share are its fields.
//!
//!     cargo run --example 03_shared_state -- --nodaemon
//!     printf 'tea\ncoffee\ntea\n' | nc -N localhost 10007

use poetryd::net::{Connection, Interface, Protocol, TcpServer};
use poetryd::service::{Application, BoxError};
use poetryd::{Program, async_trait};
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

#[derive(Default)]
struct Votes(Mutex<HashMap<String, u64>>);

impl Votes {
    fn count(&self, vote: String) -> u64 {
        let mut votes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = votes.entry(vote).or_default();
        *count += 1;
        *count
    }
}

#[async_trait]
impl Protocol for Votes {
    async fn converse(&self, connection: &mut Connection) -> std::io::Result<()> {
        let mut lines = connection.lines(100); // bytes in a line, at most
        while let Some(line) = lines.next().await? {
            let count = self.count(line);
            lines.send(format!("{count}\n")).await?;
        }
        Ok(())
    }
}

fn application() -> Result<Application, BoxError> {
    let mut application = Application::new("votes");
    let interface = Interface::resolve("localhost")?;
    application.add("votes", TcpServer::new(interface, 10007, |_| Ok(Votes::default())))?;
    Ok(application)
}

fn main() -> ExitCode {
    Program::new("votesd", "1.0", "Counts votes").built_in(application).main()
}
