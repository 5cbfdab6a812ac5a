//! The server behind a proxy or a forwarder, played by the test itself.

use crate::support::{LIMIT, until};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A port on which nobody listens, and nobody else can.
pub struct Down(Socket);

impl Down {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        Self(socket)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }

    pub fn listen(self, backlog: i32) -> Upstream {
        self.0.listen(backlog).unwrap();
        Upstream::of(self.0.into())
    }
}

/// A server that accepts when the test says so.
pub struct Upstream(TcpListener);

impl Upstream {
    pub fn new() -> Self {
        Down::new().listen(128)
    }

    pub fn of(listener: TcpListener) -> Self {
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Whoever has connected, if anybody has.
    pub fn try_accept(&self) -> Option<TcpStream> {
        match self.0.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                stream.set_read_timeout(Some(LIMIT)).unwrap();
                Some(stream)
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => None,
            Err(e) => panic!("{e}"),
        }
    }

    /// Waits for a connection.
    pub fn accept(&self) -> TcpStream {
        let mut accepted = None;
        until("a connection to the upstream server", || {
            accepted = self.try_accept();
            accepted.is_some()
        });
        accepted.unwrap()
    }

    /// Waits for a connection and serves it well.
    pub fn serve(&self, poem: &[u8]) {
        self.accept().write_all(poem).unwrap();
    }
}

/// Closes so that the other end sees a reset, whatever it has not read yet.
pub fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}
