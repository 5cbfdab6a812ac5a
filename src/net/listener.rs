//! A listening socket, and which workers take its clients.
//!
//! One worker does, its home, as long as it keeps up; when a whole batch of clients did not empty the queue,
//! another is called, and stays until there is no need for it. If all workers waited for clients, every
//! client would wake all of them, to find that one of them was first: with two workers, a poem cost 1.13 to
//! 1.25 times the CPU time that it does with one. Of the other ways, SO_REUSEPORT gives each worker a queue
//! of its own, which is lost with its socket, and EPOLLEXCLUSIVE is not to be had from Tokio.

use super::Peer;
use super::socket::set_connection_options;
use crate::sockets::{LentSocket, Origin};
use socket2::{SockAddr, SockAddrStorage, SockRef, Socket};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use tokio::sync::Notify;

/// A listening socket that the accept loops of all workers share.
pub(super) struct Listener {
    socket: LentSocket,
    /// The worker that always takes clients.
    home: usize,
    help: Notify,
}

impl Listener {
    pub(super) fn new(socket: LentSocket, home: usize) -> Self {
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

    /// Refuses clients that come from now on, unless somebody else has the socket, too: then they wait for whoever
    /// listens next. Returns how many may wait now, at most.
    pub(super) fn refuse_new_clients(&self, backlog: usize) -> usize {
        if !self.socket.is_held_alone() {
            return self.waiting().min(backlog + 1);
        }
        let _ = SockRef::from(&self.socket).listen(0); // with a backlog of none, nobody new gets in
        backlog + 1
    }

    /// A new client. Its connection [is reset when dropped](super::socket::reset_when_dropped), until
    /// `closing.rs` leaves it to the kernel. It inherits that from the listening socket, so that there is no
    /// moment without it; but a socket that somebody else opened is left as it is.
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
        if self.socket.origin() == Origin::Inherited {
            set_connection_options(stream.as_fd());
        }
        let peer = Peer::of(&address, &stream);
        Ok((stream, peer))
    }

    /// How many clients wait to be accepted; for sockets that don't tell, as many as there may be.
    ///
    /// To ask is a fifth of what it costs to hear from accept4 that nobody waits, since that makes a socket
    /// and a descriptor before it looks: a poem would cost 10% more of the server's CPU time. The number is
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
