//! Sockets that another process opened for this one.

use super::Transport;
use socket2::{Protocol, SockRef, Socket, Type};
use std::fmt;
use std::net::SocketAddr;
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

    /// The address, if this is a socket that listens by that transport: for TCP one that has been told to
    /// listen, for UDP one that has a port.
    pub fn address(&self, transport: Transport) -> Option<SocketAddr> {
        let socket = SockRef::from(&self.fd);
        let listens = match transport {
            Transport::Tcp => socket.r#type().ok()? == Type::STREAM && socket.is_listener().ok()?,
            Transport::Udp => socket.protocol().ok()? == Some(Protocol::UDP),
        };
        let address = if listens { socket.local_addr().ok()?.as_socket() } else { None };
        address.filter(|address| address.port() != 0)
    }

    /// Whether this is a listening socket of the same family as `address`: what a socket must be to
    /// stand in, by its name, for a service that asked for that address.
    pub(super) fn is_for(&self, transport: Transport, address: SocketAddr) -> bool {
        self.address(transport).is_some_and(|own| own.is_ipv4() == address.is_ipv4())
    }

    /// Whether this is an IPv6 socket for all addresses that is not for IPv6 only: what systemd opens for
    /// `ListenStream=` or `ListenDatagram=` with nothing but a port.
    pub(super) fn takes_ipv4_too(&self, transport: Transport) -> bool {
        let own = self.address(transport);
        let all = own.is_some_and(|own| own.is_ipv6() && own.ip().is_unspecified());
        all && SockRef::from(&self.fd).only_v6().is_ok_and(|only| !only)
    }

    pub(super) fn into_socket(self) -> Socket {
        let socket = Socket::from(self.fd);
        // Can't fail on an open socket; were it to, taking clients would report it.
        let _ = socket.set_nonblocking(true);
        socket
    }
}

impl fmt::Display for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.address(Transport::Tcp), self.address(Transport::Udp)) {
            (Some(address), _) => address.to_string(),
            (_, Some(address)) => format!("UDP {address}"),
            (None, None) => "neither a listening TCP socket nor a UDP socket".into(),
        };
        match self.name() {
            Some(name) => write!(f, "{name} ({what})"),
            None => f.write_str(&what),
        }
    }
}
