//! Clients that take little at a time.

use crate::support::LIMIT;
use crate::upstream::Upstream;
use socket2::{Domain, Socket, Type};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread::Scope;

/// The kernel holds little for it, so that the forwarder has to.
fn narrow(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_tcp_mss(1400).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.into()
}

/// So many of these clients. Each gets the poem from the target, in a thread of its own.
pub fn narrow_clients<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    count: usize,
    address: SocketAddr,
    upstream: &Upstream,
    poem: &'env [u8],
) -> Vec<TcpStream> {
    let pairs: Vec<_> = (0..count).map(|_| (narrow(address), upstream.accept())).collect();
    let speaking = pairs.into_iter().map(|(client, mut other)| {
        scope.spawn(move || other.write_all(poem).unwrap());
        client
    });
    speaking.collect()
}
