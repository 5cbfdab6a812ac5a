//! What is said to datagrams, and to whom.

use bytes::Bytes;
use std::net::SocketAddr;
use tracing::info;

/// What is said to whoever sends a datagram.
pub trait Responder: Send + Sync + 'static {
    /// The answer to `datagram`; `None`: there is none. A panic costs only this answer.
    ///
    /// Called once for each datagram that is not refused, in the loop that receives them: it must not block.
    fn answer(&self, peer: SocketAddr, datagram: &[u8]) -> Option<Bytes>;

    /// Logs that an answer was sent, of which `bytes` were left after the cut.
    fn answered(&self, peer: SocketAddr, bytes: usize) {
        info!(bytes, %peer, "sending {bytes} bytes to {peer}");
    }
}

/// What can be set about a [`UdpServer`](super::UdpServer), besides where it listens.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UdpOptions {
    /// Longer answers are cut there, in bytes; a text in UTF-8 is cut before the character that does not fit
    /// any more. No datagram holds more than 65,507 bytes.
    pub max_reply: usize,
    /// How many answers an IPv4 address or an IPv6 /64 gets per second; after a second of silence it gets
    /// as many at once. At least one.
    pub replies_per_second: u32,
    /// Whether other machines may be answered. The sender of a datagram is whoever its sender says, so that
    /// a service whose answers are longer than the requests can be made to flood somebody else.
    pub allow_reflection: bool,
}

impl Default for UdpOptions {
    /// 512 bytes, 10 per second, to this machine only.
    fn default() -> Self {
        Self { max_reply: 512, replies_per_second: 10, allow_reflection: false }
    }
}

/// Why an address is refused to a service that may not be used for reflection.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} can be reached from other machines, and there a small request in the name of a victim sends the \
     victim a large answer (reflection); if that is accepted, set allow-reflection = true"
)]
pub struct ReflectionError(SocketAddr);

impl UdpOptions {
    /// Says whether a service with these options may listen on `address`.
    ///
    /// # Errors
    /// If other machines can send to it, and [`allow_reflection`](Self::allow_reflection) is not set.
    pub fn permit(&self, address: SocketAddr) -> Result<(), ReflectionError> {
        let harmless = self.allow_reflection || address.ip().to_canonical().is_loopback();
        if harmless { Ok(()) } else { Err(ReflectionError(address)) }
    }
}
