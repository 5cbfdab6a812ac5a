//! The protocols, one by one: slow, proxy, transform, forward. And the application files that are shipped.

#[path = "../support/names.rs"]
mod names;
#[path = "../support/mod.rs"]
mod support;

mod empty;
mod forward;
mod forward_pipes;
mod large;
mod named;
mod narrow;
mod proxy;
mod proxy_failures;
mod shipped;
mod slow;
mod transform;
mod transform_memory;
mod upstream;

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use support::{Foreground, Sandbox, connect, open_descriptors, receive, until};

/// A daemon with one listener, called `served`, on 127.0.0.1; in a directory of its own.
struct Served {
    _sandbox: Sandbox,
    daemon: Foreground,
    address: SocketAddr,
    /// How many descriptors the daemon has open while it has no connection.
    descriptors: usize,
}

impl Served {
    /// Starts it. `more` is what stands in the listener's table beside the protocol's name.
    fn start(sandbox: Sandbox, protocol: &str, more: &str, options: &[&str]) -> Self {
        let application = format!(
            "[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n\
             [services.served]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
             protocol = \"{protocol}\"\n{more}\n"
        );
        sandbox.write("served.toml", &application);
        let args = [&["--nodaemon"], options, &["served.toml"]].concat();
        let daemon = Foreground::start(sandbox.poetryd(&args)).ready();
        let address = daemon.address("served");
        let descriptors = open_descriptors(daemon.pid());
        Self { _sandbox: sandbox, daemon, address, descriptors }
    }

    fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// Waits until the daemon has so many connections, to whomsoever.
    fn wait_for_connections(&self, number: usize) {
        let expected = self.descriptors + number;
        let what = format!("{number} connections");
        until(&what, || open_descriptors(self.daemon.pid()) == expected);
    }

    /// So many clients, each of which the protocol listens to by now.
    fn clients_heard(&self, number: usize) -> Vec<TcpStream> {
        let mut clients: Vec<TcpStream> = (0..number).map(|_| self.connect()).collect();
        clients.iter_mut().for_each(|client| client.write_all(b"x").unwrap());
        until("everything that clients have said is read", || !self.has_unread_input());
        clients
    }

    /// Whether there is a connection, accepted or not, that the daemon has not read everything from.
    fn has_unread_input(&self) -> bool {
        let table = fs::read_to_string(format!("/proc/{}/net/tcp", self.daemon.pid())).unwrap();
        let port = format!(":{:04X}", self.address.port());
        // The second field is the local address, the fifth the lengths of the two queues; see proc(5).
        table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .any(|fields| fields[1].ends_with(&port) && !fields[4].ends_with(":00000000"))
    }

    /// Stops it, and counts the lines of its log that have this in them.
    fn count(self, text: &str) -> usize {
        self.daemon.stop().iter().filter(|line| line.contains(text)).count()
    }
}

/// The client gets exactly this, and the connection ends in order.
#[track_caller]
fn gets(client: &mut TcpStream, poem: &[u8]) {
    let (received, error) = receive(client);
    let as_expected = received == poem && error.is_none();
    assert!(as_expected, "{} bytes instead of {}: {error:?}", received.len(), poem.len());
}
