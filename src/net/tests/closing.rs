//! The end of a connection whose client does not take its answer at once.

use super::*;
use socket2::{Domain, Socket, Type};

/// Says the same to everybody.
pub(super) struct Saying(pub(super) Payload);

impl Protocol for Saying {
    fn monologue(&self, _: &Peer) -> Option<Payload> {
        Some(self.0.clone())
    }
}

/// More than the client below takes at once, and less than the kernel keeps for it.
pub(super) static SPEECH: [u8; 16 * 1024] = [b's'; 16 * 1024];

pub(super) fn saying_it() -> Saying {
    Saying(SPEECH.as_slice().into())
}

/// A client that has room for a part of the speech only.
pub(super) fn narrow_client(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

#[tokio::test]
async fn who_has_closed_before_reading_gets_the_rest_from_the_kernel() {
    let options = ServerOptions { max_connections: Some(1), ..ServerOptions::default() };
    let running = Running::start(saying_it(), options).await;
    let mut client = narrow_client(running.address);
    client.write_all(b"I read later").await.unwrap();
    client.shutdown().await.unwrap();
    let next = read_all(&mut running.connect().await).await.unwrap();
    assert!(next == SPEECH, "the only place is free again, and somebody else served");
    assert!(read_all(&mut client).await.unwrap() == SPEECH);
    running.stop().await;
}

#[tokio::test]
async fn who_does_not_close_gets_the_end_after_the_linger_timeout() {
    let linger_timeout = Duration::from_millis(1);
    let options = ServerOptions { max_connections: Some(1), linger_timeout, ..Default::default() };
    let running = Running::start(saying_it(), options).await;
    let mut lingers = running.connect().await;
    assert!(read_all(&mut running.connect().await).await.unwrap() == SPEECH);
    assert!(read_all(&mut lingers).await.unwrap() == SPEECH);
    assert!(lingers.take_error().unwrap().is_none(), "a reset came after the end");
    running.stop().await;
}

#[tokio::test]
async fn at_the_deadline_an_answer_that_is_only_to_be_read_is_not_cut() {
    let mut running = Running::start(saying_it(), ServerOptions::default()).await;
    let mut client = narrow_client(running.address);
    client.readable().await.unwrap();
    let now = Instant::now();
    running.application.close();
    running.application.stop(now).await.unwrap();
    assert!(read_all(&mut client).await.unwrap() == SPEECH);
}
