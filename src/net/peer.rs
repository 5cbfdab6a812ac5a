//! The client of a connection.

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use socket2::{SockAddr, Socket};
use std::fmt;
use std::net::{SocketAddr, SocketAddrV4};

/// The other end of a connection, as shown in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A client with a network address.
    Remote(SocketAddr),
    /// A client of a Unix socket: the process that connected, and the user it ran as; see SO_PEERCRED in
    /// unix(7).
    Local {
        /// The process.
        pid: i32,
        /// The user.
        uid: u32,
    },
}

impl Peer {
    /// The client of an accepted connection.
    pub(super) fn of(address: &SockAddr, stream: &Socket) -> Self {
        if let Some(address) = address.as_socket() {
            return Peer::Remote(address);
        }
        match getsockopt(stream, PeerCredentials) {
            Ok(process) => Peer::Local { pid: process.pid(), uid: process.uid() },
            Err(_) => Peer::Local { pid: 0, uid: u32::MAX }, // no valid values; this should not happen
        }
    }

    /// The network address, if the client has one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Peer::Remote(address) => Some(*address),
            Peer::Local { .. } => None,
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Peer::Remote(address)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Remote(SocketAddr::V4(address)) => f.pad(spelt(*address, &mut [0; V4_LENGTH])),
            Peer::Remote(address) => address.fmt(f),
            Peer::Local { pid, uid } => write!(f, "process {pid} (uid {uid})"),
        }
    }
}

/// The length of the longest IPv4 address with a port.
const V4_LENGTH: usize = "255.255.255.255:65535".len();

/// Formats an address like the standard library, with a quarter of the instructions. It is in each client's log
/// line, and took a third of all instructions that the program needed for a poem.
fn spelt(address: SocketAddrV4, text: &mut [u8; V4_LENGTH]) -> &str {
    let [a, b, c, d] = address.ip().octets().map(u16::from);
    let mut start = text.len();
    let mut prepend = |digit_or_mark: u8| {
        start -= 1;
        text[start] = digit_or_mark;
    };
    for (mut number, mark) in
        [(address.port(), Some(b':')), (d, Some(b'.')), (c, Some(b'.')), (b, Some(b'.')), (a, None)]
    {
        prepend(b'0' + (number % 10) as u8);
        while number >= 10 {
            number /= 10;
            prepend(b'0' + (number % 10) as u8);
        }
        mark.into_iter().for_each(&mut prepend);
    }
    std::str::from_utf8(&text[start..]).unwrap_or_default() // digits and punctuation
}

#[cfg(test)]
mod tests;
