//! One client: it connects, and reads a poem to the end.

use crate::arena::contenders::POEM;
use nix::errno::Errno;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

/// The clients connect from this many addresses in turn, each of which has its own ports: the side that
/// closes first keeps a port in use for a minute.
const SOURCES: usize = 64;

pub struct Client {
    socket: Socket,
    received: usize,
    /// Before its socket was made.
    begun: Instant,
}

impl Client {
    pub fn connect(name: &str, server: SocketAddr, number: usize) -> Self {
        let begun = Instant::now();
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
        choose_port_late(&socket);
        let source = Ipv4Addr::new(127, 0, 0, 2 + (number % SOURCES) as u8);
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        if let Err(e) = socket.connect(&server.into()) {
            let expected = e.raw_os_error() == Some(Errno::EINPROGRESS as i32);
            assert!(expected, "{name}: no connection: {e}");
        }
        Self { socket, received: 0, begun }
    }

    /// Whether the poem is complete and the server has closed.
    ///
    /// # Panics
    /// If the poem is not complete and unchanged, or its connection not closed normally.
    pub fn reads_to_the_end(&mut self, name: &str) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            let received = self.received;
            match self.socket.read(&mut buffer) {
                Ok(0) => {
                    assert_eq!(received, POEM.len(), "{name}: bytes of a poem that has ended");
                    return true;
                }
                Ok(n) => {
                    let right = POEM.get(received..received + n) == Some(&buffer[..n]);
                    assert!(right, "{name}: wrong bytes among {n} after {received}");
                    self.received += n;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
                Err(e) => panic!("{name}: an error after {received} of {} bytes: {e}", POEM.len()),
            }
        }
    }

    /// Closes its socket. Returns the time since it began.
    pub fn close(self) -> Duration {
        drop(self.socket);
        self.begun.elapsed()
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Lets `connect` choose the port. It can choose one that is in use for another server; `bind` can't.
fn choose_port_late(socket: &Socket) {
    let yes: libc::c_int = 1;
    let (fd, pointer) = (socket.as_raw_fd(), (&raw const yes).cast());
    let length = size_of_val(&yes) as libc::socklen_t;
    let option = libc::IP_BIND_ADDRESS_NO_PORT;
    // SAFETY: `pointer` points to `length` bytes.
    let done = unsafe { libc::setsockopt(fd, libc::IPPROTO_IP, option, pointer, length) };
    assert_eq!(done, 0, "IP_BIND_ADDRESS_NO_PORT");
}
