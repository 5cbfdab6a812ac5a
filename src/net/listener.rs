//! A listening socket, and which workers take its clients.
//!
//! One worker does, its home, as long as it keeps up; when a whole batch of clients did not empty the queue,
//! another is called, and stays until there is no need for it. If all workers waited for clients, every
//! client would wake all of them, to find that one of them was first: with two workers, a poem cost 1.16 to
//! 1.25 times the CPU time that it does with one. Of the other ways, SO_REUSEPORT gives each worker a queue
//! of its own, which is lost with its socket, and EPOLLEXCLUSIVE is not to be had from Tokio.

use super::Peer;
use socket2::{SockAddr, SockAddrStorage, SockRef, Socket};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use tokio::sync::Notify;

/// A listening socket that the accept loops of all workers share.
pub(super) struct Listener {
    socket: Socket,
    /// The worker that always takes clients.
    home: usize,
    help: Notify,
}

impl Listener {
    pub(super) fn new(socket: Socket, home: usize) -> Self {
        Self { socket, home, help: Notify::new() }
    }

    /// Whether this worker takes clients without being called.
    pub(super) fn is_home_of(&self, worker: usize) -> bool {
        worker == self.home
    }

    /// Calls one more worker, if there is one.
    pub(super) fn call_help(&self) {
        self.help.notify_one();
    }

    /// Waits until this worker is called.
    pub(super) async fn called(&self) {
        self.help.notified().await;
    }

    /// With a backlog of none, nobody new gets in.
    pub(super) fn let_nobody_in(&self) {
        let _ = SockRef::from(&self.socket).listen(0);
    }

    /// A new client. Until its answer is complete, its connection
    /// [is reset when dropped](super::closing::reset_when_dropped): it inherits that from the listening
    /// socket, so that there is no moment without it.
    ///
    /// accept4(2): the address comes with the call, and the socket is born non-blocking and close-on-exec.
    pub(super) fn accept(&self) -> io::Result<(Socket, Peer)> {
        let accept = |address: *mut SockAddrStorage, length: *mut libc::socklen_t| {
            let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
            // SAFETY: `try_init` passes room for any address, and its size in `length`.
            let fd = unsafe { libc::accept4(self.as_raw_fd(), address.cast(), length, flags) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the kernel has just made this descriptor for us.
            Ok(unsafe { OwnedFd::from_raw_fd(fd) })
        };
        // SAFETY: where accept4 succeeds, it has written an address and its length.
        let (fd, address) = unsafe { SockAddr::try_init(accept) }?;
        let stream = Socket::from(fd);
        let peer = Peer::of(&address, &stream);
        Ok((stream, peer))
    }

    /// How many clients wait to be accepted; for sockets that don't tell, as many as there may be.
    ///
    /// To ask is a fifth of what it costs to hear from accept4 that nobody waits, since that makes a socket
    /// and a descriptor before it looks: 5% of a poem's CPU time when clients come one by one. The number is
    /// where a connection has its tcpi_unacked; see tcp_get_info() in the kernel's net/ipv4/tcp.c.
    pub(super) fn waiting(&self) -> usize {
        // The beginning of a tcp_info: eight bytes, rto, ato, snd_mss, rcv_mss, unacked.
        let mut info = [0_u32; 7];
        let mut length = size_of_val(&info) as libc::socklen_t;
        let (fd, place) = (self.as_raw_fd(), info.as_mut_ptr().cast());
        // SAFETY: no more than `length` bytes are written to `place`.
        let done = unsafe {
            libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, place, &raw mut length)
        };
        if done == 0 { info[6] as usize } else { usize::MAX }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Errors of accept that concern the one client that is gone again; see "Error handling" in accept(2).
pub(super) fn is_transient(e: &io::Error) -> bool {
    matches!(
        e.raw_os_error(),
        Some(
            libc::EINTR
                | libc::ECONNABORTED
                | libc::EPROTO
                | libc::EPERM
                | libc::ENETDOWN
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH
        )
    )
}

#[cfg(test)]
mod tests {
    use crate::net::{Connection, Interface, Peer, Protocol, TcpServer};
    use crate::service::{Application, Resources, Workers};
    use crate::sockets::Sockets;
    use async_trait::async_trait;
    use bytes::Bytes;
    use std::collections::HashSet;
    use std::future::pending;
    use std::io::{self, Read};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::{Arc, Mutex};
    use std::thread::{self, ThreadId, sleep};
    use std::time::{Duration, Instant};
    use tokio::runtime;

    /// Bounds a hang.
    const LIMIT: Duration = Duration::from_secs(30);

    /// Remembers which threads it was called on.
    #[derive(Clone)]
    struct Witness {
        threads: Arc<Mutex<HashSet<ThreadId>>>,
        monologue: bool,
        /// Until so many threads have been here, calls after this number of them wait.
        patience: usize,
        calls: Arc<Mutex<usize>>,
    }

    impl Witness {
        fn new(monologue: bool, patience: usize) -> Self {
            let (threads, calls) = Default::default();
            Self { threads, monologue, patience, calls }
        }

        fn threads(&self) -> usize {
            self.threads.lock().unwrap().len()
        }

        fn is_called(&self) {
            self.threads.lock().unwrap().insert(thread::current().id());
            *self.calls.lock().unwrap() += 1;
            let late = *self.calls.lock().unwrap() > self.patience;
            let deadline = Instant::now() + LIMIT;
            while late && self.threads() < 2 && Instant::now() < deadline {
                sleep(Duration::from_millis(1));
            }
        }
    }

    #[async_trait]
    impl Protocol for Witness {
        fn monologue(&self, _: &Peer) -> Option<Bytes> {
            self.monologue.then(|| {
                self.is_called();
                Bytes::from_static(b"poem")
            })
        }

        async fn converse(&self, _: &mut Connection) -> io::Result<()> {
            self.is_called();
            Ok(())
        }
    }

    /// An application with one listener, on two workers. `before` happens before anybody is accepted.
    fn serve(witness: &Witness, before: impl FnOnce(SocketAddr)) -> (Application, SocketAddr) {
        let handles = [(); 2].map(|()| {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let handle = runtime.handle().clone();
            thread::spawn(move || runtime.block_on(pending::<()>()));
            handle
        });
        let witness = witness.clone();
        let interface = Interface::resolve("127.0.0.1").unwrap();
        let mut application = Application::new("test");
        application
            .add("server", TcpServer::new(interface, 0, move |_| Ok(witness.clone())))
            .unwrap();
        let resources = Resources::new();
        resources.insert(Sockets::new());
        application.privileged_start(&resources).unwrap();
        let address = resources.get::<Sockets>().unwrap().list()[0].address;
        before(address);
        let start = application.start(&resources, Workers::new(handles));
        runtime::Builder::new_current_thread().build().unwrap().block_on(start).unwrap();
        (application, address)
    }

    fn connect(address: SocketAddr) -> TcpStream {
        let client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        client
    }

    fn read(mut client: TcpStream) -> Vec<u8> {
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn one_worker_takes_clients_as_long_as_it_keeps_up() {
        let witness = Witness::new(true, usize::MAX);
        let (_application, address) = serve(&witness, |_| {});
        for _ in 0..200 {
            assert_eq!(read(connect(address)), b"poem");
        }
        assert_eq!(witness.threads(), 1);
    }

    #[test]
    fn another_worker_is_called_when_one_does_not_keep_up() {
        // More clients wait than one batch takes; after that, the first worker stands still.
        let witness = Witness::new(true, super::super::accept::BATCH);
        let mut clients = Vec::new();
        let (_application, _) = serve(&witness, |address| {
            clients.extend((0..400).map(|_| connect(address)));
        });
        for client in clients {
            assert_eq!(read(client), b"poem");
        }
        assert_eq!(witness.threads(), 2);
    }

    #[test]
    fn conversations_are_spread_over_the_workers() {
        let witness = Witness::new(false, usize::MAX);
        let (_application, address) = serve(&witness, |_| {});
        for _ in 0..4 {
            assert_eq!(read(connect(address)), b"");
        }
        assert_eq!(witness.threads(), 2);
    }
}
