//! Connections that clients keep open without reading.

use crate::arena::processes::LIMIT;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;

/// The receive buffer that a client asks for; the kernel doubles it. So nearly all memory that the kernel
/// uses for a poem is on the server's side.
const RECEIVE_BUFFER: usize = 4096;

/// How many clients connect before the daemon must have sent something to each of them. This is less than its
/// backlog, so that no client has to try again.
const WAVE: usize = 500;

/// The clients connect from this many addresses in turn, each of which has its own ports.
const SOURCES: usize = 16;

/// Raises the soft limit, so that this process and a daemon that it starts may have as many descriptors as
/// possible.
pub fn descriptors() -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    usize::try_from(hard).unwrap_or(usize::MAX)
}

/// This many connections. Something has been sent to each of them.
pub fn connect_all(server: SocketAddr, number: usize) -> Vec<TcpStream> {
    let mut clients: Vec<TcpStream> = Vec::with_capacity(number);
    while clients.len() < number {
        let wave = WAVE.min(number - clients.len());
        clients.extend((0..wave).map(|n| connect(server, n)));
        for client in &clients[clients.len() - wave..] {
            client.set_read_timeout(Some(LIMIT)).unwrap();
            assert_eq!(client.peek(&mut [0]).unwrap(), 1, "the beginning of a poem");
        }
    }
    clients
}

fn connect(server: SocketAddr, number: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    let source = Ipv4Addr::new(127, 0, 0, 2 + (number % SOURCES) as u8);
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect_timeout(&server.into(), LIMIT).unwrap();
    socket.into()
}

/// The memory that the kernel has allocated for what these sockets have received.
pub fn received_memory(clients: &[TcpStream]) -> u64 {
    clients.iter().map(received_memory_of).sum()
}

fn received_memory_of(socket: &TcpStream) -> u64 {
    let mut info = [0_u32; SK_MEMINFO_VARS];
    let mut length = size_of_val(&info) as libc::socklen_t;
    let (fd, pointer) = (socket.as_raw_fd(), info.as_mut_ptr().cast());
    // SAFETY: `pointer` has room for `length` bytes.
    let done = unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_MEMINFO, pointer, &raw mut length)
    };
    assert_eq!(done, 0, "SO_MEMINFO");
    (info[SK_MEMINFO_RMEM_ALLOC] + info[SK_MEMINFO_FWD_ALLOC]).into()
}

/// See linux/sock_diag.h.
const SK_MEMINFO_RMEM_ALLOC: usize = 0;
const SK_MEMINFO_FWD_ALLOC: usize = 4;
const SK_MEMINFO_VARS: usize = 9;
