//! Opening a listening socket.

use super::{Transport, holder};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;

/// Why an address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address}: {reason}")]
pub struct ListenError {
    /// The address that was asked for.
    pub address: SocketAddr,
    reason: String,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl ListenError {
    /// Adds to the system's word what the user can do about it.
    pub(super) fn new(transport: Transport, address: SocketAddr, source: io::Error) -> Self {
        let reason = match source.kind() {
            io::ErrorKind::AddrInUse => match holder::of(transport, address) {
                Some(holder) => format!("the address is in use by {holder}"),
                None => "the address is in use by another process".into(),
            },
            io::ErrorKind::PermissionDenied if address.port() < 1024 => format!(
                "{source}; ports below 1024 need root (with --uid to drop it afterwards) or CAP_NET_BIND_SERVICE"
            ),
            io::ErrorKind::AddrNotAvailable => {
                format!("{source}; no network interface of this machine has that address")
            }
            _ => source.to_string(),
        };
        Self { address, reason, source }
    }

    /// Whether the machine has no such address, or no such kind of address.
    pub fn is_absent(&self) -> bool {
        matches!(
            self.source.raw_os_error(),
            Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT)
        )
    }

    /// Whether another socket has the address.
    pub fn is_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// A new non-blocking TCP listener.
///
/// SO_REUSEADDR lets a restarted daemon bind while connections of its predecessor linger; it does not let
/// two listeners share a port. SO_REUSEPORT would, without an error to anyone, and is therefore not set.
pub(super) fn tcp(address: SocketAddr, backlog: u32) -> io::Result<Socket> {
    let socket = new(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket)
}

/// A new non-blocking UDP socket.
///
/// Without SO_REUSEADDR: nothing of a predecessor lingers, and among UDP sockets it does what SO_REUSEPORT
/// does.
pub(super) fn udp(address: SocketAddr) -> io::Result<Socket> {
    let socket = new(address, Type::DGRAM, Protocol::UDP)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn new(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind.nonblocking(), Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}
