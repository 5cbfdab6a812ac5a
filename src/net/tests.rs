//! Connections through a whole application: what clients see of protocols that end well or badly.

mod closing;
mod counters;
mod datagram_counters;
mod lines;
mod listen_fn;
mod opening;
mod reloads;
mod sharing;
mod stopped_again;

use super::*;
use crate::service::{Application, Resources, Service, Workers};
use crate::sockets::Sockets;
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Bounds a hang.
const LIMIT: Duration = Duration::from_secs(120);

/// An application with one listener, called `server`.
struct Running {
    application: Application,
    address: SocketAddr,
}

impl Running {
    async fn start(protocol: impl Protocol, options: ServerOptions) -> Self {
        Self::start_on(Workers::current(), protocol, options, |_| {}).await
    }

    /// `before` is called with the address before anybody is accepted.
    async fn start_on(
        workers: Workers,
        protocol: impl Protocol,
        options: ServerOptions,
        before: impl FnOnce(SocketAddr),
    ) -> Self {
        let protocol: Arc<dyn Protocol> = Arc::new(protocol);
        let interface = Interface::resolve("127.0.0.1").unwrap();
        let server = TcpServer::with_shared_protocol(interface, 0, move |_| Ok(protocol.clone()));
        Self::start_server(workers, server.options(options), before).await
    }

    /// The same for any server.
    async fn start_server(
        workers: Workers,
        server: impl Service,
        before: impl FnOnce(SocketAddr),
    ) -> Self {
        let mut application = Application::new("test");
        application.add("server", server).unwrap();
        let resources = Resources::new();
        Sockets::new().lend(&resources);
        application.privileged_start(&resources).unwrap();
        let sockets = resources.get::<Sockets>().unwrap().list();
        assert_eq!((sockets.len(), sockets[0].service.as_str()), (1, "server"));
        let address = sockets[0].endpoint.address().unwrap();
        before(address);
        application.start(&resources, workers).await.unwrap();
        Self { application, address }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stop(mut self) {
        self.application.close();
        self.application.stop(Instant::now() + LIMIT).await.unwrap();
    }
}

/// Everything that comes until the server closes.
async fn read_all(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    timeout(LIMIT, client.read_to_end(&mut bytes)).await.expect("the server never closes")?;
    Ok(bytes)
}

async fn assert_reset(client: &mut TcpStream) {
    let kind = read_all(client).await.map_err(|e| e.kind());
    assert_eq!(kind, Err(io::ErrorKind::ConnectionReset));
}

/// Says what is said to it; the word "panic" is too much for it, and "fail" makes it fail.
struct Echo;

#[async_trait]
impl Protocol for Echo {
    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        let mut word = [0; 5];
        while connection.read_exact(&mut word).await.is_ok() {
            assert!(&word != b"panic", "too much");
            if &word == b"fail!" {
                return Err(io::Error::other("as you wish"));
            }
            connection.write_all(&word).await?;
        }
        Ok(())
    }
}

async fn assert_echo(client: &mut TcpStream) {
    client.write_all(b"hello").await.unwrap();
    let mut word = [0; 5];
    timeout(LIMIT, client.read_exact(&mut word)).await.unwrap().unwrap();
    assert_eq!(&word, b"hello");
}

/// Ends the conversation from the client's side; the server must then close in order.
async fn assert_good_end(mut client: TcpStream) {
    client.shutdown().await.unwrap();
    assert_eq!(read_all(&mut client).await.unwrap(), b"");
}

#[tokio::test]
async fn clients_converse_side_by_side() {
    let running = Running::start(Echo, ServerOptions::default()).await;
    let (mut one, mut two) = (running.connect().await, running.connect().await);
    for _ in 0..3 {
        assert_echo(&mut one).await;
        assert_echo(&mut two).await;
    }
    assert_good_end(one).await;
    assert_echo(&mut two).await;
    assert_good_end(two).await;
    running.stop().await;
}

#[tokio::test]
async fn a_panic_in_a_conversation_costs_only_that_connection() {
    let mut running = Running::start(Echo, ServerOptions::default()).await;
    let (mut one, mut two) = (running.connect().await, running.connect().await);
    assert_echo(&mut two).await;
    one.write_all(b"panic").await.unwrap();
    assert_reset(&mut one).await;
    assert_echo(&mut two).await;
    assert_echo(&mut running.connect().await).await;
    let failure = timeout(Duration::ZERO, running.application.failure()).await;
    assert!(failure.is_err(), "the service itself has not failed");
}

#[tokio::test]
async fn a_conversation_that_fails_ends_in_a_reset() {
    let running = Running::start(Echo, ServerOptions::default()).await;
    let mut client = running.connect().await;
    assert_echo(&mut client).await;
    client.write_all(b"fail!").await.unwrap();
    assert_reset(&mut client).await;
}

#[tokio::test]
async fn a_connection_that_panicked_or_failed_gives_its_place_back() {
    let options = ServerOptions { max_connections: Some(1), ..ServerOptions::default() };
    let running = Running::start(Echo, options).await;
    for last_word in [b"panic", b"fail!", b"panic"] {
        let mut client = running.connect().await;
        assert_echo(&mut client).await;
        client.write_all(last_word).await.unwrap();
        assert_reset(&mut client).await;
    }
    assert_echo(&mut running.connect().await).await;
}

#[tokio::test]
async fn with_one_place_clients_are_served_one_after_the_other() {
    let options = ServerOptions { max_connections: Some(1), ..ServerOptions::default() };
    let running = Running::start(Echo, options).await;
    let mut one = running.connect().await;
    assert_echo(&mut one).await;
    let mut two = running.connect().await;
    two.write_all(b"hello").await.unwrap();
    assert_echo(&mut one).await;
    assert_eq!(two.try_read(&mut [0; 5]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_good_end(one).await;
    two.shutdown().await.unwrap();
    assert_eq!(read_all(&mut two).await.unwrap(), b"hello");
    running.stop().await;
}

/// Speaks to every client, whatever is said to it; but panics at every second one.
struct Speaker {
    speech: Bytes,
    clients: AtomicUsize,
}

impl Speaker {
    fn new(speech: impl Into<Bytes>) -> Self {
        Self { speech: speech.into(), clients: AtomicUsize::new(0) }
    }
}

impl Protocol for Speaker {
    fn monologue(&self, _: &Peer) -> Option<Payload> {
        let before = self.clients.fetch_add(1, Ordering::Relaxed);
        assert!(before.is_multiple_of(2), "stage fright");
        Some(self.speech.clone().into())
    }
}

#[tokio::test]
async fn a_monologue_comes_whole_though_the_client_talks_as_well() {
    let running =
        Running::start(Speaker::new("Where, like a pillow"), ServerOptions::default()).await;
    let mut client = running.connect().await;
    client.write_all(&[b'x'; 100_000]).await.unwrap();
    assert_eq!(read_all(&mut client).await.unwrap(), b"Where, like a pillow");
    drop(client);
    running.stop().await;
}

#[tokio::test]
async fn a_monologue_longer_than_any_buffer_comes_whole() {
    let speech: Vec<u8> = (0..20_000_000u32).map(|n| (n / 251) as u8).collect();
    let running = Running::start(Speaker::new(speech.clone()), ServerOptions::default()).await;
    let mut client = running.connect().await;
    assert!(read_all(&mut client).await.unwrap() == speech);
    drop(client);
    running.stop().await;
}

#[tokio::test]
async fn a_panic_in_a_monologue_costs_only_that_connection() {
    let mut running = Running::start(Speaker::new("words"), ServerOptions::default()).await;
    for _ in 0..3 {
        assert_eq!(read_all(&mut running.connect().await).await.unwrap(), b"words");
        // The reset may come before connect(2) returns.
        if let Ok(mut client) = TcpStream::connect(running.address).await {
            assert_reset(&mut client).await;
        }
    }
    let failure = timeout(Duration::ZERO, running.application.failure()).await;
    assert!(failure.is_err(), "the service itself has not failed");
}

/// Talks without end, and tells the test how that went.
struct Endless(mpsc::UnboundedSender<io::ErrorKind>);

#[async_trait]
impl Protocol for Endless {
    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        loop {
            if let Err(e) = connection.write_all(&[b'x'; 65_536]).await {
                let _ = self.0.send(e.kind());
                return Err(e);
            }
        }
    }
}

#[tokio::test]
async fn a_conversation_with_a_client_that_stops_reading_times_out() {
    let (told, mut outcome) = mpsc::unbounded_channel();
    let write_timeout = Duration::from_millis(50);
    let options = ServerOptions { write_timeout, ..ServerOptions::default() };
    let running = Running::start(Endless(told), options).await;
    let mut client = running.connect().await;
    let kind = timeout(LIMIT, outcome.recv()).await.unwrap();
    assert_eq!(kind, Some(io::ErrorKind::TimedOut));
    assert_reset(&mut client).await;
}

#[tokio::test]
async fn at_the_deadline_a_conversation_is_cut_with_a_reset() {
    let mut running = Running::start(Echo, ServerOptions::default()).await;
    let mut client = running.connect().await;
    assert_echo(&mut client).await;
    running.application.close();
    assert_echo(&mut client).await;
    let now = Instant::now();
    running.application.stop(now).await.unwrap();
    assert_reset(&mut client).await;
}

#[tokio::test]
async fn when_closed_it_refuses_newcomers_and_finishes_conversations() {
    let mut running = Running::start(Echo, ServerOptions::default()).await;
    let mut client = running.connect().await;
    assert_echo(&mut client).await;
    running.application.close();
    // The loop that holds the socket gets its turn while this client waits for an answer.
    assert_echo(&mut client).await;
    let refused = TcpStream::connect(running.address).await.map_err(|e| e.kind());
    assert_eq!(refused.err(), Some(io::ErrorKind::ConnectionRefused));
    assert_good_end(client).await;
    running.stop().await;
}

/// A client connects and the server is closed before anybody could accept that client.
async fn assert_served_though_closed(mut running: Running) {
    // Without an await in between, no other task gets its turn.
    let client = std::net::TcpStream::connect(running.address).unwrap();
    running.application.close();
    client.set_nonblocking(true).unwrap();
    let mut client = TcpStream::from_std(client).unwrap();
    assert_eq!(read_all(&mut client).await.unwrap(), b"words");
    drop(client);
    running.stop().await;
}

#[tokio::test]
async fn whoever_was_waiting_when_it_was_closed_is_served() {
    let running = Running::start(Speaker::new("words"), ServerOptions::default()).await;
    // The accept loop gets its turn, and waits for clients.
    tokio::task::yield_now().await;
    assert_served_though_closed(running).await;
}

/// It has started, so a client may have been told; that the accept loop did not run yet is nobody's business.
#[tokio::test]
async fn whoever_was_waiting_when_it_was_closed_right_after_the_start_is_served() {
    let running = Running::start(Speaker::new("words"), ServerOptions::default()).await;
    assert_served_though_closed(running).await;
}

#[tokio::test]
async fn a_crowd_is_served_and_whoever_comes_while_the_loop_rests_or_closes() {
    for max_connections in [None, Some(4)] {
        let options = ServerOptions { max_connections, ..ServerOptions::default() };
        let mut crowd = Vec::new();
        let running = Running::start_on(Workers::current(), Orator, options, |address| {
            crowd.extend((0..12).map(|_| std::net::TcpStream::connect(address).unwrap()));
        })
        .await;
        for client in crowd {
            client.set_nonblocking(true).unwrap();
            let mut client = TcpStream::from_std(client).unwrap();
            assert_eq!(read_all(&mut client).await.unwrap(), b"words");
        }
        assert_eq!(read_all(&mut running.connect().await).await.unwrap(), b"words");
        assert_served_though_closed(running).await;
    }
}

/// Says the same to everybody.
struct Orator;

impl Protocol for Orator {
    fn monologue(&self, _: &Peer) -> Option<Payload> {
        Some("words".into())
    }
}

fn addresses(name: &str) -> Vec<SocketAddr> {
    Interface::resolve(name).unwrap().addresses(7).collect()
}

#[test]
fn an_address_stands_for_itself() {
    assert_eq!(addresses("127.0.0.1"), ["127.0.0.1:7".parse().unwrap()]);
    assert_eq!(addresses("::1"), ["[::1]:7".parse().unwrap()]);
    assert!(Interface::resolve("127.0.0.1").unwrap().is_literal());
    assert!(Interface::resolve("::1").unwrap().is_literal());
}

#[test]
fn a_star_stands_for_everything_of_both_families() {
    let all: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
    assert_eq!(addresses("*"), all.map(|ip| SocketAddr::new(ip, 7)));
    assert!(!Interface::resolve("*").unwrap().is_literal(), "a machine may lack a family");
}

#[test]
fn a_name_stands_for_each_of_its_addresses_once() {
    let localhost = addresses("localhost");
    assert!(localhost.iter().all(|address| address.ip().is_loopback() && address.port() == 7));
    let distinct: HashSet<_> = localhost.iter().collect();
    assert_eq!(localhost.len(), distinct.len());
    assert!(!localhost.is_empty() && !Interface::resolve("localhost").unwrap().is_literal());
}

#[test]
fn a_name_that_nobody_has_is_an_error_that_names_it() {
    // A name with an empty label is refused without asking any server.
    let error = Interface::resolve("a..b").unwrap_err().to_string();
    assert!(error.starts_with("can't find an address for \"a..b\": "), "{error}");
}
