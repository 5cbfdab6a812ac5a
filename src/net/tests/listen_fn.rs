//! Clients that a function accepts itself.

use super::*;
use crate::service::{Service, ServicePath, State};
use tokio::net::TcpListener;

/// Asks one client after the other for a word, and says it, until the service closes; the last one gets its answer.
async fn serve(
    cx: crate::service::Context,
    listener: TcpListener,
) -> Result<(), crate::service::BoxError> {
    loop {
        let (mut client, _) = tokio::select! {
            biased;
            () = cx.closing() => return Ok(()),
            accepted = listener.accept() => accepted?,
        };
        client.write_all(b"?").await?;
        let mut word = [0; 4];
        client.read_exact(&mut word).await?;
        client.write_all(&word).await?;
    }
}

/// An application with such a service, and its address.
async fn started() -> (Application, Sockets, SocketAddr) {
    let listen = Listen::new(Interface::resolve("127.0.0.1").unwrap(), 0);
    let mut application = Application::new("test");
    application.add("server", listen.serve(serve)).unwrap();
    let (sockets, resources) = (Sockets::new(), Resources::new());
    sockets.lend(&resources);
    application.privileged_start(&resources).unwrap();
    application.start(&resources, Workers::current()).await.unwrap();
    let address = sockets.list()[0].endpoint.address().unwrap();
    (application, sockets, address)
}

#[tokio::test]
async fn a_stop_closes_its_socket_and_waits_for_the_client_in_progress() {
    let (mut application, sockets, address) = started().await;
    let mut client = TcpStream::connect(address).await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'?');
    let stop = application.stop(Instant::now() + LIMIT);
    let finish = async {
        client.write_all(b"word").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let (stopped, answer) = tokio::join!(stop, finish);
    stopped.unwrap();
    assert_eq!(answer, "word");
    assert!(sockets.list().is_empty());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn after_a_restart_it_serves_at_the_same_address() {
    let (mut application, _, address) = started().await;
    let path: ServicePath = "server".parse().unwrap();
    application.tree().restart(&path).await.unwrap();
    assert_eq!(application.tree().report(&path).unwrap().state, State::Running);
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"word").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "?word");
    application.stop(Instant::now() + LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_check_says_where_it_would_listen() {
    let listen = Listen::new(Interface::resolve("127.0.0.1").unwrap(), 17);
    let said = listen.serve(serve).check(&crate::service::Files::new(None, "/".into())).unwrap();
    assert_eq!(said, "would listen on 127.0.0.1:17");
}
