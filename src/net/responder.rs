//! Which datagrams are answered, and how.

use super::Peer;
use bytes::Bytes;
use std::net::SocketAddr;
use tracing::info;

/// Answers datagrams.
pub trait Responder: Send + Sync + 'static {
    /// The answer to `datagram`; `None`: there is none. A panic only costs this answer.
    ///
    /// This is called once for each datagram that is not refused, in the loop that receives them: it must not
    /// block.
    fn answer(&self, peer: SocketAddr, datagram: &[u8]) -> Option<Bytes>;

    /// Logs that an answer was sent, of `bytes` bytes after the cut.
    fn answered(&self, peer: SocketAddr, bytes: usize) {
        let peer = Peer::from(peer);
        info!(bytes, %peer, "sending {bytes} bytes to {peer}");
    }
}

/// The options of a [`UdpServer`](super::UdpServer), besides where it listens.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UdpOptions {
    /// The longest answer, in bytes. A longer one is cut; UTF-8 text is cut between two characters. No datagram
    /// can hold more than 65,507 bytes.
    pub max_reply: usize,
    /// How many answers an IPv4 address or an IPv6 /64 network gets per second. After a second without requests
    /// it gets as many at once. At least one.
    pub replies_per_second: u32,
    /// Whether to answer other machines. Anybody can send a datagram in the name of somebody else, so a service
    /// whose answers are longer than the requests can be made to flood a victim.
    pub allow_reflection: bool,
}

impl Default for UdpOptions {
    /// 512 bytes, 10 per second, to this machine only.
    fn default() -> Self {
        Self { max_reply: 512, replies_per_second: 10, allow_reflection: false }
    }
}

/// Why an address is refused for a service that may not be used for reflection.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} can be reached from other machines, so a small request in the name of a victim sends the \
     victim a large answer (reflection); to accept that, set allow-reflection = true"
)]
pub struct ReflectionError(SocketAddr);

impl UdpOptions {
    /// Checks whether a service with these options may listen on `address`.
    ///
    /// # Errors
    /// If other machines can send to it, and [`allow_reflection`](Self::allow_reflection) is not set.
    pub fn permit(&self, address: SocketAddr) -> Result<(), ReflectionError> {
        let harmless = self.allow_reflection || address.ip().to_canonical().is_loopback();
        if harmless { Ok(()) } else { Err(ReflectionError(address)) }
    }
}
