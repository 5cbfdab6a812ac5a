//! Servers that a reload replaces, moves, adds and removes, as their clients see it.

use super::closing::{SPEECH, saying_it};
use super::sharing::two_workers;
use super::*;
use crate::service::{Managed, ReloadMode, ServicePath, State};
use tokio::time::sleep;

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
