//! Servers that a reload replaces, moves, adds and removes, as their clients see it.

use super::closing::{SPEECH, saying_it};
use super::sharing::two_workers;
use super::*;
use crate::service::{Managed, MultiService, ReloadMode, ServicePath, State};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use tokio::net::{UdpSocket, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

const RELOADS: usize = 200;

/// Answers every datagram with itself.
struct Mirror;

impl Responder for Mirror {
    fn answer(&self, _: SocketAddr, datagram: &[u8]) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(datagram))
    }
}

fn here() -> Interface {
    Interface::resolve("127.0.0.1").unwrap()
}

/// A TCP server whose settings are this number.
fn tcp_server(port: u16, protocol: impl Protocol, number: usize) -> Managed {
    let protocol: Arc<dyn Protocol> = Arc::new(protocol);
    let server = TcpServer::with_shared_protocol(here(), port, move |_| Ok(protocol.clone()));
    Managed::new(server).settings(Box::new(number))
}

fn application(services: impl IntoIterator<Item = (&'static str, Managed)>) -> Application {
    let application = Application::new("test");
    for (name, service) in services {
        application.services().add(name, service).unwrap();
    }
    application
}

async fn started(mut application: Application) -> (Application, Sockets) {
    let (sockets, resources) = (Sockets::new(), Resources::new());
    sockets.lend(&resources);
    application.privileged_start(&resources).unwrap();
    application.start(&resources, two_workers()).await.unwrap();
    (application, sockets)
}

async fn reload(running: &Application, new: Application) {
    let report = running.tree().reload(new, ReloadMode::Change);
    timeout(LIMIT, report).await.expect("the reload hangs").unwrap();
}

fn address(sockets: &Sockets, service: &str) -> SocketAddr {
    let open = sockets.list();
    let its = open.iter().find(|open| open.service.as_str() == service).unwrap();
    its.endpoint.address().unwrap()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("never happens: {what}"));
}

/// The status lines of what drains.
fn draining(running: &Application) -> Vec<String> {
    let draining = running.tree().draining();
    draining.into_iter().map(|one| one.service.status.unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_server_that_drains_shows_how_many_connections_are_left() {
    let (mut running, sockets) = started(application([("server", tcp_server(0, Echo, 1))])).await;
    let address = address(&sockets, "server");
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = TcpStream::connect(address).await.unwrap();
        assert_echo(&mut client).await;
        clients.push(client);
    }
    reload(&running, application([("server", tcp_server(0, saying_it(), 2))])).await;
    let report = || running.tree().report(&"server".parse::<ServicePath>().unwrap()).unwrap();
    for shown in ["3 connections open", "2 connections open", "1 connection open"] {
        until(shown, || draining(&running) == [shown]).await;
        assert_eq!(report().status.as_deref(), Some(&*address.to_string()));
        assert_eq!(report().state, State::Running);
        let mut client = TcpStream::connect(address).await.unwrap();
        assert!(read_all(&mut client).await.unwrap() == SPEECH);
        assert_good_end(clients.pop().unwrap()).await;
    }
    until("the end", || draining(&running).is_empty()).await;
    running.stop(Instant::now() + LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_server_that_comes_back_before_the_old_one_has_emptied_its_queue_takes_it_over() {
    let options = ServerOptions { max_connections: Some(1), ..ServerOptions::default() };
    let server = TcpServer::new(here(), 0, |_| Ok(Echo)).options(options);
    let (mut running, sockets) = started(application([("old", Managed::new(server))])).await;
    let address = address(&sockets, "old");
    let mut first = TcpStream::connect(address).await.unwrap();
    assert_echo(&mut first).await;
    let waits = TcpStream::connect(address).await.unwrap();
    reload(&running, application([])).await;
    until("new clients are refused", || {
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(20)).is_err()
    })
    .await;
    let new = tcp_server(address.port(), Echo, 1);
    reload(&running, application([("new", new)])).await;
    for mut client in [waits, TcpStream::connect(address).await.unwrap()] {
        assert_echo(&mut client).await;
        assert_good_end(client).await;
    }
    assert_echo(&mut first).await;
    assert_good_end(first).await;
    until("the end", || draining(&running).is_empty()).await;
    assert_eq!(sockets.list()[0].service.as_str(), "new");
    let mut client = TcpStream::connect(address).await.unwrap();
    assert_echo(&mut client).await;
    assert_good_end(client).await;
    running.stop(Instant::now() + LIMIT).await.unwrap();
}

/// Where the services of the long test listen.
#[derive(Clone)]
struct Site {
    tcp: u16,
    udp: u16,
    unix: PathBuf,
}

impl Site {
    /// The tree after this many reloads: the first of four moves everything to another group, the next adds a server,
    /// the third removes it, and the last changes the settings.
    fn tree(&self, reloads: usize) -> Application {
        let (number, group) = (reloads / 4, ["g1", "g2"][reloads.div_ceil(4) % 2]);
        let moves = MultiService::new();
        moves.add("tcp", tcp_server(self.tcp, saying_it(), number)).unwrap();
        let unix = UnixServer::new(&self.unix, |_| Ok(saying_it()));
        moves.add("unix", Managed::new(unix).settings(Box::new(number))).unwrap();
        let options = UdpOptions { replies_per_second: u32::MAX, ..UdpOptions::default() };
        let udp = UdpServer::new(here(), self.udp, |_| Ok(Mirror)).options(options);
        moves.add("udp", Managed::new(udp).settings(Box::new(number))).unwrap();
        let mut services = vec![(group, Managed::new(moves))];
        if reloads % 4 == 2 {
            services.push(("extra", tcp_server(0, saying_it(), 0)));
        }
        application(services)
    }
}

/// Clients that come one after the other until they are told to stop.
#[derive(Default)]
struct Clients {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<io::Result<()>>>,
}

impl Clients {
    fn start<C, F>(&mut self, client: C)
    where
        C: Fn() -> F + Send + 'static,
        F: Future<Output = io::Result<()>> + Send,
    {
        let (stop, served) = (self.stop.clone(), self.served.clone());
        self.tasks.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                timeout(LIMIT, client()).await??;
                served.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }));
    }

    /// Waits until two more of each have been served, unless some are much faster than others.
    async fn some_more(&self) {
        let enough = self.served.load(Ordering::Relaxed) + 2 * self.tasks.len();
        let failed = || self.tasks.iter().any(JoinHandle::is_finished);
        until("more clients are served", || {
            failed() || self.served.load(Ordering::Relaxed) >= enough
        })
        .await;
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap().expect("a client was not served");
        }
    }
}

async fn whole_speech(mut client: impl tokio::io::AsyncRead + Unpin) -> io::Result<()> {
    let mut speech = Vec::new();
    client.read_to_end(&mut speech).await?;
    if speech == SPEECH { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

async fn udp_client(server: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(server).await?;
    for word in [b"one", b"two"] {
        socket.send(word).await?;
    }
    let mut answer = [0; 9];
    for _ in 0..2 {
        assert_eq!(socket.recv(&mut answer).await?, 3);
    }
    Ok(())
}

fn clients(tcp: SocketAddr, udp: SocketAddr, unix: &Path) -> Clients {
    let mut clients = Clients::default();
    for _ in 0..4 {
        clients.start(move || async move { whole_speech(TcpStream::connect(tcp).await?).await });
    }
    for _ in 0..2 {
        let unix = unix.to_owned();
        clients.start(move || {
            let unix = unix.clone();
            async move { whole_speech(UnixStream::connect(unix).await?).await }
        });
        clients.start(move || udp_client(udp));
    }
    clients
}

#[tokio::test]
async fn no_client_notices_that_servers_are_replaced_moved_added_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let mut site = Site { tcp: 0, udp: 0, unix: directory.path().join("socket") };
    let (mut running, sockets) = started(site.tree(0)).await;
    let (tcp, udp) = (address(&sockets, "g1.tcp"), address(&sockets, "g1.udp"));
    (site.tcp, site.udp) = (tcp.port(), udp.port());
    let clients = clients(tcp, udp, &site.unix);
    for reloads in 1..=RELOADS {
        reload(&running, site.tree(reloads)).await;
        clients.some_more().await;
        let extra = sockets.list().into_iter().find(|open| open.service.as_str() == "extra");
        if reloads % 4 == 2 {
            let extra = extra.and_then(|open| open.endpoint.address()).unwrap();
            whole_speech(TcpStream::connect(extra).await.unwrap()).await.unwrap();
        }
    }
    clients.stop().await;
    until("what was replaced is gone", || draining(&running).is_empty()).await;
    assert_eq!(sockets.list().len(), 3);
    running.stop(Instant::now() + LIMIT).await.unwrap();
    assert!(sockets.list().is_empty() && !site.unix.exists());
}
