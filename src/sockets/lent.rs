//! A socket that a service uses.

use super::open::Open;
use super::users::Later;
use super::{Endpoint, ListenOptions, Origin};
use crate::service::ServicePath;
use crate::sync::Mutex;
use socket2::Socket;
use std::fmt;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

/// A socket that [`Sockets`](super::Sockets) has lent to a service: non-blocking, and listening or bound.
///
/// The service uses it as long as it keeps this. When the last service has dropped it, the socket is closed,
/// unless it [is shared](Self::is_shared).
pub struct LentSocket {
    socket: Arc<Socket>,
    endpoint: Endpoint,
    origin: Origin,
    shared: bool,
    /// The number of the open socket.
    id: u64,
    /// The number of this use of it.
    user: u64,
    all: Arc<Mutex<Open>>,
}

/// What stays known of a socket when its user has passed it on.
pub(crate) struct SocketUse {
    id: u64,
    user: u64,
    all: Arc<Mutex<Open>>,
}

impl SocketUse {
    /// Whether another user, who has not closed, has the socket now.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.all.lock().has_other_user(self.id, self.user)
    }
}

impl LentSocket {
    /// Lends a service, which wants these options, the open socket with this number. `open` is the content of `all`.
    pub(super) fn lend(
        all: &Arc<Mutex<Open>>,
        open: &mut Open,
        id: u64,
        (service, options): (&ServicePath, &ListenOptions),
    ) -> io::Result<Self> {
        let (user, socket, one) = open.hand_out(id, service, options)?;
        let (endpoint, origin, shared) = (one.endpoint.clone(), one.origin, one.is_shared());
        Ok(Self { socket, endpoint, origin, shared, id, user, all: all.clone() })
    }

    /// Where it listens, with the port that the kernel chose if 0 was requested.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Who opened it.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether another process has it as well, and may pass it to the next process of this program, as systemd
    /// does with the sockets of its socket units and those in its descriptor store.
    ///
    /// Such a socket must not be shut down, and neither its queue nor its options may be changed. At a stop,
    /// accept the clients that are waiting, and leave later ones to the next listener.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Says that this user of a listening socket accepts nobody any more, except those who wait now. If nobody else
    /// has the socket, new clients are refused from now on.
    pub(crate) fn close(&self) -> Later {
        self.all.lock().close_user(self.id, self.user)
    }

    /// This use of the socket.
    pub(crate) fn in_use(&self) -> SocketUse {
        SocketUse { id: self.id, user: self.user, all: self.all.clone() }
    }

    /// Its number, and that of this use of it.
    pub(super) fn numbers(&self) -> (u64, u64) {
        (self.id, self.user)
    }

    /// A TCP listener of the standard library with a duplicate of the descriptor. Keep this as long as it exists.
    ///
    /// # Errors
    /// If the process can't open another descriptor, or the socket is not a TCP socket.
    pub fn tcp_listener(&self) -> io::Result<TcpListener> {
        match self.endpoint {
            Endpoint::Tcp(_) => {
                self.all.lock().record_duplicate(self.id);
                Ok(self.socket.try_clone()?.into())
            }
            _ => Err(self.is_not("a TCP socket")),
        }
    }

    /// A TCP listener of Tokio, otherwise the same as [`tcp_listener`](Self::tcp_listener). Call this on a
    /// worker, for example in [`Service::start`](crate::service::Service::start).
    ///
    /// # Errors
    /// If the process can't open another descriptor, or the socket is not a TCP socket.
    pub fn tokio_listener(&self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.tcp_listener()?)
    }

    /// A UDP socket of the standard library, otherwise the same as [`tcp_listener`](Self::tcp_listener).
    ///
    /// # Errors
    /// If the process can't open another descriptor, or the socket is not a UDP socket.
    pub fn udp_socket(&self) -> io::Result<UdpSocket> {
        match self.endpoint {
            Endpoint::Udp(_) => Ok(self.socket.try_clone()?.into()),
            _ => Err(self.is_not("a UDP socket")),
        }
    }

    /// A Unix listener of the standard library, otherwise the same as [`tcp_listener`](Self::tcp_listener).
    ///
    /// # Errors
    /// If the process can't open another descriptor, or the socket is not a Unix socket.
    pub fn unix_listener(&self) -> io::Result<UnixListener> {
        match self.endpoint {
            Endpoint::Unix(_) => Ok(std::os::fd::OwnedFd::from(self.socket.try_clone()?).into()),
            _ => Err(self.is_not("a Unix socket")),
        }
    }

    fn is_not(&self, what: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{} is not {what}", self.endpoint))
    }
}

impl AsFd for LentSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for LentSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl fmt::Debug for LentSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.endpoint, self.origin)
    }
}

impl Drop for LentSocket {
    fn drop(&mut self) {
        self.all.lock().give_back(self.id, self.user);
    }
}
