//! Clients that don't do what clients should.

use crate::support::{
    ECSTASY, Foreground, LIMIT, Sandbox, connect, fast_toml, fetch, open_descriptors, receive,
    until,
};
use socket2::SockRef;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

/// More than the kernel holds for a client that does not read. Made once, since it takes a second.
static BIG: LazyLock<Vec<u8>> =
    LazyLock::new(|| Sandbox::new().write_poem("poetry/ecstasy.txt", 16_000_000));

/// Clients of each kind.
const CLIENTS: usize = 10;

/// More than the kernels hold on both sides of a connection of which nothing is read.
const JUNK: usize = 30_000_000;

/// A daemon that serves one poem, with what must not change however its clients behave.
struct Served {
    sandbox: Sandbox,
    daemon: Foreground,
    address: SocketAddr,
    poem: Vec<u8>,
    descriptors: usize,
}

impl Served {
    fn small() -> Self {
        Self::start(Sandbox::new(), ECSTASY.to_vec())
    }

    fn big() -> Self {
        let sandbox = Sandbox::new();
        fs::write(sandbox.path("poetry/ecstasy.txt"), &*BIG).unwrap();
        Self::start(sandbox, BIG.clone())
    }

    fn start(sandbox: Sandbox, poem: Vec<u8>) -> Self {
        // However long a client goes on sending.
        sandbox.write("fast.toml", &fast_toml("linger-timeout = 600"));
        let mut command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
        command.stderr(File::create(sandbox.path("stderr")).unwrap());
        let daemon = Foreground::start(command).ready();
        let address = daemon.address("fast");
        let descriptors = open_descriptors(daemon.pid());
        Self { sandbox, daemon, address, poem, descriptors }
    }

    /// Runs clients that misbehave beside clients that don't, all at the same time.
    fn beside_good_clients(&self, misbehave: impl Fn(TcpStream) + Sync) {
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| misbehave(connect(self.address)));
                scope.spawn(|| {
                    let poem = fetch(self.address).unwrap();
                    assert!(poem == self.poem, "a good client got {} bytes", poem.len());
                });
            }
        });
    }

    /// Nothing leaks, nothing has panicked, and it still serves.
    fn assert_unharmed(self) {
        assert!(fetch(self.address).unwrap() == self.poem);
        until("every connection's descriptor is closed", || {
            open_descriptors(self.daemon.pid()) == self.descriptors
        });
        let log = self.daemon.stop().join("\n");
        let stderr = self.sandbox.read("stderr");
        assert!(!log.contains("panic") && stderr.is_empty(), "{log}\n{stderr}");
    }
}

/// Sends `size` bytes of junk, and only then reads the poem.
fn send_junk_then_read(mut stream: TcpStream, size: usize, poem: &[u8]) {
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream.write_all(&vec![b'x'; size]).expect("the daemon takes what a client sends");
    let (received, error) = receive(&mut stream);
    assert_eq!(error, None, "after {} bytes", received.len());
    assert!(received == poem, "{} bytes", received.len());
}

#[test]
fn a_client_that_sends_a_request_before_it_reads_gets_its_poem() {
    let served = Served::small();
    served.beside_good_clients(|stream| send_junk_then_read(stream, 100, &served.poem));
    served.assert_unharmed();
}

#[test]
fn a_client_that_sends_megabytes_before_it_reads_gets_its_poem() {
    let served = Served::small();
    served.beside_good_clients(|stream| send_junk_then_read(stream, JUNK, &served.poem));
    served.assert_unharmed();
}

#[test]
fn a_client_that_sends_megabytes_before_it_reads_gets_a_big_poem() {
    let served = Served::big();
    served.beside_good_clients(|stream| send_junk_then_read(stream, JUNK, &served.poem));
    served.assert_unharmed();
}

#[test]
fn a_client_that_sends_while_it_reads_gets_a_big_poem() {
    let served = Served::big();
    served.beside_good_clients(|mut stream| {
        let mut sender = stream.try_clone().unwrap();
        let sender = thread::spawn(move || sender.write_all(&vec![b'x'; JUNK]));
        let (received, error) = receive(&mut stream);
        assert_eq!(error, None, "after {} bytes", received.len());
        assert!(received == served.poem, "{} bytes", received.len());
        sender.join().unwrap().expect("the daemon takes what a client sends");
    });
    served.assert_unharmed();
}

#[test]
fn clients_that_reset_half_way_harm_nobody() {
    let served = Served::big();
    served.beside_good_clients(|mut stream| {
        stream.read_exact(&mut [0; 100_000]).unwrap();
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    served.daemon.wait_for("went away after ");
    served.assert_unharmed();
}

#[test]
fn clients_that_reset_at_once_harm_nobody() {
    let served = Served::small();
    served.beside_good_clients(|stream| {
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    served.assert_unharmed();
}

#[test]
fn clients_that_close_at_once_harm_nobody() {
    let served = Served::small();
    served.beside_good_clients(drop);
    served.assert_unharmed();
}

#[test]
fn clients_that_close_a_big_poem_at_once_harm_nobody() {
    let served = Served::big();
    served.beside_good_clients(drop);
    served.assert_unharmed();
}

fn half_close_then_read(mut stream: TcpStream, poem: &[u8]) {
    stream.shutdown(Shutdown::Write).unwrap();
    let (received, error) = receive(&mut stream);
    assert_eq!(error, None, "after {} bytes", received.len());
    assert!(received == poem, "{} bytes", received.len());
}

#[test]
fn a_client_that_half_closes_gets_its_poem() {
    let served = Served::small();
    served.beside_good_clients(|stream| half_close_then_read(stream, &served.poem));
    served.assert_unharmed();
}

#[test]
fn a_client_that_half_closes_gets_a_big_poem() {
    let served = Served::big();
    served.beside_good_clients(|stream| half_close_then_read(stream, &served.poem));
    served.assert_unharmed();
}

#[test]
fn clients_that_never_read_harm_nobody() {
    let served = Served::big();
    let silent: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(served.address)).collect();
    served.beside_good_clients(|_| {});
    drop(silent);
    served.assert_unharmed();
}
