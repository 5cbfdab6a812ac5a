//! The memory that a crowd of clients leaves behind.

use crate::support::circumstances::room_for;
use crate::support::{LIMIT, Sandbox, fast_toml, open_descriptors, status_of, until};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};
use std::io::Read;
use std::net::{SocketAddr, TcpStream};

/// Connects, reads the beginning of a poem, and keeps the kernel from taking much of the rest.
fn begins_to_read(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect_timeout(&address.into(), LIMIT).unwrap();
    let mut client = TcpStream::from(socket);
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.read_exact(&mut [0]).unwrap();
    client
}

/// What the daemon holds besides its program, in bytes.
fn memory(pid: Pid) -> usize {
    status_of(pid, "RssAnon").strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn the_memory_of_a_crowd_is_returned_when_it_has_gone() {
    let room = room_for(3_000);
    if room.clients < 2_000 {
        return println!("not tested: there may be only {} clients here", room.clients);
    }
    let sandbox = Sandbox::new();
    sandbox.write_poem("poetry/ecstasy.txt", 4 << 20);
    sandbox.write("fast.toml", &fast_toml("write-timeout = 600"));
    let daemon = sandbox.foreground();
    let (pid, address) = (daemon.pid(), daemon.address("fast"));
    let before = memory(pid);
    let clients: Vec<TcpStream> = (0..room.clients).map(|_| begins_to_read(address)).collect();
    let (during, open) = (memory(pid), open_descriptors(pid));
    drop(clients);
    until("the end of all connections", || open_descriptors(pid) + room.clients <= open);
    until("the return of most of the memory", || memory(pid) < usize::midpoint(before, during));
}
