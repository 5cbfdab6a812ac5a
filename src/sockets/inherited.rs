//! Sockets that another process opened for this one.

use socket2::{SockRef, Type};
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

/// A descriptor that was handed over, with the name that came with it (systemd's `FileDescriptorName=`).
#[derive(Debug)]
pub struct Inherited {
    fd: OwnedFd,
    name: Option<String>,
}

impl Inherited {
    /// A descriptor as it was handed over.
    pub fn new(fd: OwnedFd, name: Option<String>) -> Self {
        Self { fd, name }
    }

    /// The name it came with.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The address, if this is a listening TCP socket.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        let socket = SockRef::from(&self.fd);
        let listens = socket.r#type().ok()? == Type::STREAM && socket.is_listener().ok()?;
        if listens { socket.local_addr().ok()?.as_socket() } else { None }
    }

    /// Whether this is a listening TCP socket of the same family as `address`: what a socket must be to
    /// stand in, by its name, for a service that asked for that address.
    pub(super) fn is_tcp_for(&self, address: SocketAddr) -> bool {
        self.tcp_address().is_some_and(|own| own.is_ipv4() == address.is_ipv4())
    }

    /// Whether this is an IPv6 socket for all addresses that is not for IPv6 only: what systemd opens for
    /// `ListenStream=` with nothing but a port.
    pub(super) fn takes_ipv4_too(&self) -> bool {
        let all = self.tcp_address().is_some_and(|own| own.is_ipv6() && own.ip().is_unspecified());
        all && SockRef::from(&self.fd).only_v6().is_ok_and(|only| !only)
    }

    pub(super) fn into_tcp_listener(self) -> TcpListener {
        let listener = TcpListener::from(self.fd);
        // Can't fail on an open socket; were it to, accepting would report it.
        let _ = listener.set_nonblocking(true);
        listener
    }
}

impl fmt::Display for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.tcp_address()) {
            (Some(name), Some(address)) => write!(f, "{name} ({address})"),
            (Some(name), None) => write!(f, "{name} (not a listening TCP socket)"),
            (None, Some(address)) => write!(f, "{address}"),
            (None, None) => write!(f, "a socket that is not a listening TCP socket"),
        }
    }
}
