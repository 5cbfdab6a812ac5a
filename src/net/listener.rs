//! A listening socket, and which workers accept its clients.
//!
//! One worker does, its home, as long as it keeps up. When several whole batches of clients did not empty the
//! backlog, another worker is called, and helps until that is no longer necessary (`duty.rs`). If all workers waited
//! for clients, every client would wake all of them, but only one could accept it: with two workers, a poem cost 1.13
//! to 1.25 times the CPU time that it costs with one. It cost 1.06 to 1.25 times as much when the other worker was
//! called after a single batch, and stayed for long, if two threads of clients connected. There are two other ways:
//! SO_REUSEPORT gives each worker a backlog of its own, which is lost with its socket, and Tokio does not offer
//! EPOLLEXCLUSIVE.

use super::Peer;
use super::socket::set_connection_options;
use crate::sockets::{Later, LentSocket, Origin};
use futures::FutureExt;
use socket2::{SockAddr, SockAddrStorage, Socket};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use tokio::sync::Notify;

/// A listening socket that the accept loops of all workers share.
pub(super) struct Listener {
    socket: LentSocket,
    /// The worker that always accepts clients.
    home: usize,
    help: Notify,
}

impl Listener {
    pub(super) fn new(socket: LentSocket, home: usize) -> Self {
        Self { socket, home, help: Notify::new() }
    }

    /// Whether this worker accepts clients without being called.
    pub(super) fn is_home_of(&self, worker: usize) -> bool {
        worker == self.home
    }

    /// Calls one more worker, if there is one.
    pub(super) fn call_help(&self) {
        self.help.notify_one();
    }

    /// Forgets a call that came while all workers were accepting already. Otherwise the first one that stops would
    /// answer it.
    pub(super) fn forget_call(&self) {
        let _ = self.help.notified().now_or_never();
    }

    /// Waits until this worker is called.
    pub(super) async fn called(&self) {
        self.help.notified().await;
    }

    /// Ends accepting, and returns the largest number of clients that have to be served nevertheless, because they
    /// are waiting. None, if another server in this process serves them. If nobody has the socket afterwards, clients
    /// that come from now on are refused, or else they wait for the next listener.
    pub(super) fn close(&self, backlog: usize) -> usize {
        match self.socket.close() {
            Later::AnotherUser => 0,
            Later::WhoeverIsNext => self.waiting().min(backlog + 1),
            Later::Nobody => backlog + 1,
        }
    }

    /// A new client. Its connection [is reset when dropped](super::socket::reset_when_dropped), until
    /// `closing.rs` leaves it to the kernel. It inherits that from the listening socket, so that there is no
    /// moment without it; but a socket that another process opened is left as it is.
    ///
    /// accept4(2) returns the address as well, and makes the socket non-blocking and close-on-exec.
    pub(super) fn accept(&self) -> io::Result<(Socket, Peer)> {
        let accept = |address: *mut SockAddrStorage, length: *mut libc::socklen_t| {
            let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
            // SAFETY: `try_init` passes room for any address, and its size in `length`.
            let fd = unsafe { libc::accept4(self.as_raw_fd(), address.cast(), length, flags) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the kernel has just created this descriptor for us.
            Ok(unsafe { OwnedFd::from_raw_fd(fd) })
        };
        // SAFETY: if accept4 succeeds, it has written an address and its length.
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
    /// This costs a fifth of an accept4 that finds no client, since that creates a socket and a descriptor first:
    /// without this, a poem would cost 10% more of the server's CPU time. The number is in the field that is
    /// tcpi_unacked for a connection; see tcp_get_info() in the kernel's net/ipv4/tcp.c.
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

/// Errors of accept about a client that has gone already; see "Error handling" in accept(2).
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
