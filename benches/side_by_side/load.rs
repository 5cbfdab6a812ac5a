//! The load: a fixed number of clients in one thread, each of which fetches a whole poem, checks it, and
//! starts again.

use crate::arena::contenders::POEM;
use crate::arena::processes::Daemon;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Instant;

/// How many clients there are at any time.
pub const CLIENTS: usize = 64;

/// The clients connect from this many addresses in turn, each of which has its own ports: the side that
/// closes first keeps a port in use for a minute.
const SOURCES: usize = 64;

/// Fetches this many poems, one after the other with each of the clients.
///
/// # Panics
/// If a poem is not complete and unchanged, or its connection not closed normally, or if it is `deadline`.
pub fn fetch(daemon: &Daemon, poems: usize, deadline: Instant) {
    let name = daemon.name;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let connect = |number: usize, slot: usize| {
        let client = Client::connect(name, daemon.address, number);
        let event = EpollEvent::new(EpollFlags::EPOLLIN, slot as u64);
        epoll.add(&client.socket, event).unwrap();
        client
    };
    let mut begun = CLIENTS.min(poems);
    let mut clients: Vec<_> = (0..begun).map(|slot| Some(connect(slot, slot))).collect();
    let mut received = 0;
    let mut events = [EpollEvent::empty(); CLIENTS];
    while received < poems {
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "{name}: only {received} of {poems} poems came in time");
        let ready = epoll.wait(&mut events, EpollTimeout::try_from(left).unwrap()).unwrap();
        for event in &events[..ready] {
            let slot = event.data() as usize;
            let client = clients[slot].as_mut().unwrap();
            if !client.reads_to_the_end(name) {
                continue;
            }
            clients[slot] = None; // which closes it
            received += 1;
            if begun < poems {
                clients[slot] = Some(connect(begun, slot));
                begun += 1;
            }
        }
    }
}

struct Client {
    socket: Socket,
    received: usize,
}

impl Client {
    fn connect(name: &str, server: SocketAddr, number: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
        choose_port_late(&socket);
        let source = Ipv4Addr::new(127, 0, 0, 2 + (number % SOURCES) as u8);
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        if let Err(e) = socket.connect(&server.into()) {
            let expected = e.raw_os_error() == Some(Errno::EINPROGRESS as i32);
            assert!(expected, "{name}: no connection: {e}");
        }
        Self { socket, received: 0 }
    }

    /// Whether the poem is complete and the server has closed.
    fn reads_to_the_end(&mut self, name: &str) -> bool {
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
