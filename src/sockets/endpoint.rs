//! Where a socket listens.

use socket2::{Protocol, SockAddr, SockRef, Type};
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// An address that a service listens on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A TCP port; 0 means any free one.
    Tcp(SocketAddr),
    /// A UDP port; 0 means any free one.
    Udp(SocketAddr),
    /// A Unix stream socket: a file, or `@` and an abstract name; see unix(7).
    Unix(PathBuf),
}

impl Endpoint {
    /// The network address. `None`: it is a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Endpoint::Tcp(address) | Endpoint::Udp(address) => Some(*address),
            Endpoint::Unix(_) => None,
        }
    }

    /// Whether both can't be open at the same time: they are equal, or one is for every address of the family and
    /// has the other's port.
    pub fn overlaps(&self, other: &Endpoint) -> bool {
        match (self, other) {
            (Endpoint::Tcp(a), Endpoint::Tcp(b)) | (Endpoint::Udp(a), Endpoint::Udp(b)) => {
                let everywhere = a.ip().is_unspecified() || b.ip().is_unspecified();
                a == b || (a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && everywhere)
            }
            (Endpoint::Unix(a), Endpoint::Unix(b)) => a == b,
            _ => false,
        }
    }

    /// Whether this is of the same kind, with the same port on any address.
    pub(super) fn has_port_of(&self, other: &Endpoint) -> bool {
        match (self, other) {
            (Endpoint::Tcp(a), Endpoint::Tcp(b)) | (Endpoint::Udp(a), Endpoint::Udp(b)) => {
                a.port() == b.port()
            }
            _ => false,
        }
    }

    /// Where an open socket listens. `None`: it does not, because it is something else, a stream socket that is
    /// not listening, or one without an address.
    pub(super) fn of(socket: &impl AsFd) -> Option<Self> {
        let socket = SockRef::from(socket);
        let address = socket.local_addr().ok()?;
        let listens = || socket.is_listener().unwrap_or(false);
        match (address.as_socket(), socket.r#type().ok()?) {
            (Some(address), _) if address.port() == 0 => None,
            (Some(address), Type::STREAM) => listens().then_some(Endpoint::Tcp(address)),
            (Some(address), _) if socket.protocol().ok()? == Some(Protocol::UDP) => {
                Some(Endpoint::Udp(address))
            }
            (None, Type::STREAM) => name_of(&address).filter(|_| listens()).map(Endpoint::Unix),
            _ => None,
        }
    }

    /// Whether a socket at this address can take the place of one at `other`: both are of the same kind and, on
    /// the network, of the same family.
    pub(super) fn is_like(&self, other: &Endpoint) -> bool {
        match (self, other) {
            (Endpoint::Tcp(a), Endpoint::Tcp(b)) | (Endpoint::Udp(a), Endpoint::Udp(b)) => {
                a.is_ipv4() == b.is_ipv4()
            }
            (Endpoint::Unix(_), Endpoint::Unix(_)) => true,
            _ => false,
        }
    }

    /// The same, with an absolute file name, to compare it with the address of an open socket.
    pub(super) fn absolute(&self) -> Self {
        match self {
            Endpoint::Unix(path) if !is_abstract(path) => {
                Endpoint::Unix(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
            }
            other => other.clone(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(address) => address.fmt(f),
            Endpoint::Udp(address) => write!(f, "UDP {address}"),
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Whether this is the name of an abstract Unix socket, which is not a file.
pub(super) fn is_abstract(path: &Path) -> bool {
    path.as_os_str().as_bytes().starts_with(b"@")
}

/// The address of a Unix socket. An abstract one begins with a NUL, written as `@`.
pub(super) fn unix_address(path: &Path) -> std::io::Result<SockAddr> {
    match path.as_os_str().as_bytes().strip_prefix(b"@") {
        Some(name) => SockAddr::unix(Path::new(&OsString::from_vec([b"\0", name].concat()))),
        None => SockAddr::unix(path),
    }
}

/// The name of a Unix socket, as people write it.
fn name_of(address: &SockAddr) -> Option<PathBuf> {
    if let Some(path) = address.as_pathname() {
        return Some(path.into());
    }
    let name = address.as_abstract_namespace()?;
    Some(OsString::from_vec([b"@", name].concat()).into())
}

/// Sockets in different groups never overlap.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Neighbourhood {
    Tcp(u16),
    Udp(u16),
    Unix(PathBuf),
}

impl Neighbourhood {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        match endpoint {
            Endpoint::Tcp(address) => Neighbourhood::Tcp(address.port()),
            Endpoint::Udp(address) => Neighbourhood::Udp(address.port()),
            Endpoint::Unix(path) => Neighbourhood::Unix(path.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
