//! Opens a new socket.

use super::{Endpoint, holder, unix};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

/// How to open a socket.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenOptions {
    /// How many clients may wait in the kernel to be accepted. The kernel takes at most
    /// `net.core.somaxconn`.
    pub backlog: u32,
    /// The permission bits of a Unix socket's file, independent of the umask: those who may write to it may
    /// connect.
    pub mode: u32,
    /// Called with the socket before it listens, to set socket options that its connections inherit.
    pub before_listen: fn(BorrowedFd<'_>),
}

impl Default for ListenOptions {
    /// A backlog of 4096, the mode 666, no socket options.
    fn default() -> Self {
        Self { backlog: 4096, mode: 0o666, before_listen: |_| {} }
    }
}

/// Why an address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {endpoint}: {reason}")]
#[non_exhaustive]
pub struct ListenError {
    /// The address.
    pub endpoint: Endpoint,
    reason: String,
    /// The error of the system.
    #[source]
    pub source: io::Error,
}

impl ListenError {
    /// Adds to the system's error what the user can do about it. `after_start`: all services have opened what they
    /// needed at the start, after which privileges are given up.
    pub(super) fn of_system(endpoint: &Endpoint, source: io::Error, after_start: bool) -> Self {
        let port = endpoint.address().map(|address| address.port());
        let reason = match source.kind() {
            io::ErrorKind::AddrInUse => match holder::of(endpoint) {
                Some(holder) => format!("the address is in use by {holder}"),
                None => "the address is in use by another process".into(),
            },
            io::ErrorKind::PermissionDenied if port.is_some_and(|port| port < 1024) => {
                let advice = match after_start {
                    false => "(with --uid to drop it afterwards) or CAP_NET_BIND_SERVICE",
                    true => {
                        "or CAP_NET_BIND_SERVICE, which the daemon does not have after its start; restart it, or let a socket unit open the port"
                    }
                };
                format!("{source}; ports below 1024 need root {advice}")
            }
            io::ErrorKind::AddrNotAvailable => {
                format!("{source}; no network interface of this machine has that address")
            }
            io::ErrorKind::NotFound => format!("{source}; its directory has to exist"),
            _ => source.to_string(),
        };
        Self { endpoint: endpoint.clone(), reason, source }
    }

    /// The address is in use by this very process.
    pub(super) fn of_conflict(endpoint: &Endpoint, reason: String) -> Self {
        let source = io::ErrorKind::AddrInUse.into();
        Self { endpoint: endpoint.clone(), reason, source }
    }

    /// The mode of the socket's file has to become another one, which fails.
    pub(super) fn of_mode(endpoint: &Endpoint, (from, to): (u32, u32), source: io::Error) -> Self {
        let reason = format!(
            "its mode can't be changed from {from:03o} to {to:03o} while it is open: {source}; restart the daemon"
        );
        Self { endpoint: endpoint.clone(), reason, source }
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

/// A new non-blocking socket, and its file, if it has one.
pub(super) fn bind(
    endpoint: &Endpoint,
    options: &ListenOptions,
) -> io::Result<(Socket, Option<unix::SocketFile>)> {
    let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
    match endpoint {
        Endpoint::Tcp(address) => Ok((tcp(*address, backlog, options.before_listen)?, None)),
        Endpoint::Udp(address) => Ok((udp(*address)?, None)),
        Endpoint::Unix(path) => unix::bind(path, options.mode, backlog, options.before_listen),
    }
}

/// SO_REUSEADDR lets a restarted daemon bind while old connections are still being closed; it does not let two
/// listeners share a port. SO_REUSEPORT would, without an error for either of them, and is therefore not set.
fn tcp(address: SocketAddr, backlog: i32, before_listen: fn(BorrowedFd<'_>)) -> io::Result<Socket> {
    let socket = new(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    before_listen(socket.as_fd());
    socket.listen(backlog)?;
    Ok(socket)
}

/// Without SO_REUSEADDR: there are no old connections, and for UDP sockets it does the same as SO_REUSEPORT.
fn udp(address: SocketAddr) -> io::Result<Socket> {
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
