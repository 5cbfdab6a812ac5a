//! What it costs to hold connections open whose clients do not read.

use crate::arena::contenders::{free_ports, poetryd};
use crate::arena::figures::row;
use crate::arena::processes::{Daemon, LIMIT, fetch, until};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

const READERS: usize = 10_000;

const POEM_SIZE: usize = 4 << 20;

/// What a client asks for as its receive buffer; the kernel doubles it. So nearly everything that the kernel
/// holds of a poem, the server's side holds.
const RECEIVE_BUFFER: usize = 4096;

/// How many clients connect before the daemon must have sent something to each of them: fewer than its
/// backlog, so that none has to try again.
const WAVE: usize = 500;

/// Between two looks at memory that has stopped to change when they are the same.
const SETTLING: Duration = Duration::from_millis(500);

pub fn memory_of_slow_readers() {
    let readers = READERS.min(descriptors() - 100);
    if readers < READERS {
        println!("the hard limit of descriptors allows only {readers} readers");
    }
    let poem: Vec<u8> = (0..POEM_SIZE / 8).flat_map(|n| format!("{n:07}\n").into_bytes()).collect();
    let [port] = free_ports();
    // Nobody is to be dropped for not reading while the memory is measured.
    let contender = poetryd(port, &poem, "write-timeout = 600");
    let (daemon, _) = contender.launch();
    daemon.until_it_serves(&poem);

    let before = Weights::settled(&daemon);
    let descriptors_before = open_descriptors(daemon.pid);
    let start = Instant::now();
    let clients = connect_all(daemon.address, readers);
    let took = start.elapsed();
    let during = Weights::settled(&daemon);
    let at_clients: u64 = clients.iter().map(received_memory).sum();
    let open = open_descriptors(daemon.pid) - descriptors_before;
    assert_eq!(open, readers, "as many connections as there are clients");
    let whole = fetch(daemon.address).is_ok_and(|received| received == poem);
    assert!(whole, "a client that reads did not get the whole poem");
    drop(clients);
    until("the end of all connections", || open_descriptors(daemon.pid) == descriptors_before);
    let whole = fetch(daemon.address).is_ok_and(|received| received == poem);
    assert!(whole, "a client did not get the whole poem after the others had gone");
    let after = Weights::settled(&daemon);
    daemon.stop();

    println!(
        "{readers} connections, held open by clients that do not read a poem of {POEM_SIZE} bytes \
         (all connected after {:.1} s)",
        took.as_secs_f64()
    );
    row(["", "", "before", "during", "afterwards", "each"]);
    let kilobytes = |what, of: fn(&Weights) -> u64| {
        let [first, second, third] = [&before, &during, &after].map(of);
        let each = (second as f64 - first as f64) / readers as f64;
        let shown = [first, second, third].map(|bytes| format!("{} kB", bytes / 1024));
        row([what, "", &shown[0], &shown[1], &shown[2], &format!("{each:.0} B")]);
    };
    kilobytes("user: anonymous", |weights| weights.anonymous);
    kilobytes("user: VmRSS", |weights| weights.resident);
    kilobytes("kernel: TCP buffers", |weights| weights.kernel);
    let each = format!("{} B", at_clients / readers as u64);
    row(["  of these the clients'", "", "", &format!("{} kB", at_clients / 1024), "", &each]);
    println!(
        "(user: the daemon alone. kernel: `mem` of TCP in /proc/net/sockstat, in pages of 4096 bytes: buffers of every \
         TCP socket of this\n machine, so also of others' and of the clients, whose part SO_MEMINFO tells; sockets \
         themselves are not counted. A poem that\n was fetched during, and another afterwards, came whole.)"
    );
}

/// In bytes.
#[derive(Clone, Copy)]
struct Weights {
    anonymous: u64,
    resident: u64,
    kernel: u64,
}

impl Weights {
    fn of(daemon: &Daemon) -> Self {
        let memory = daemon.memory();
        Self {
            anonymous: memory.anonymous * 1024,
            resident: memory.resident * 1024,
            kernel: tcp_pages() * 4096,
        }
    }

    /// When the daemon's own memory does not change any more, and the kernel's by no more than other programs
    /// on this machine may be the reason for.
    fn settled(daemon: &Daemon) -> Self {
        let mut last = Self::of(daemon);
        until("memory that does not change", || {
            sleep(SETTLING);
            let now = Self::of(daemon);
            let before = std::mem::replace(&mut last, now);
            now.anonymous == before.anonymous
                && now.kernel.abs_diff(before.kernel) <= now.kernel / 100 + (1 << 20)
        });
        last
    }
}

/// The number after `mem` in the line of TCP.
fn tcp_pages() -> u64 {
    let text = fs::read_to_string("/proc/net/sockstat").unwrap();
    let line = text.lines().find(|line| line.starts_with("TCP:")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// As many descriptors as this process may have.
fn descriptors() -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    usize::try_from(hard).unwrap_or(usize::MAX)
}

fn open_descriptors(pid: Pid) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

fn connect_all(server: SocketAddr, readers: usize) -> Vec<TcpStream> {
    let mut clients: Vec<TcpStream> = Vec::with_capacity(readers);
    while clients.len() < readers {
        let wave = WAVE.min(readers - clients.len());
        clients.extend((0..wave).map(|n| connect(server, n)));
        for client in &clients[clients.len() - wave..] {
            client.set_read_timeout(Some(LIMIT)).unwrap();
            assert_eq!(client.peek(&mut [0]).unwrap(), 1, "the beginning of a poem");
        }
    }
    clients
}

/// From one of several addresses, each of which has ports of its own.
fn connect(server: SocketAddr, number: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    let source = Ipv4Addr::new(127, 0, 0, 2 + (number % 16) as u8);
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect_timeout(&server.into(), LIMIT).unwrap();
    socket.into()
}

/// What the kernel has set aside for what a socket has received.
fn received_memory(socket: &TcpStream) -> u64 {
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
