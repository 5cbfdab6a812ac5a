//! `kind = "quote"`: a poem in answer to any datagram, the quote of the day of [RFC 865].
//!
//! [RFC 865]: https://www.rfc-editor.org/rfc/rfc865

use super::PoemHandle;
use crate::config::{Kind, Section, Value, read};
use crate::net::{Interface, Listen, Peer, Responder, UdpOptions, UdpServer};
use crate::service::Service;
use bytes::Bytes;
use std::net::SocketAddr;
use tracing::info;

/// The largest payload of an IPv4 datagram, in bytes.
const MAX_REPLY: u64 = 65_507;

/// Ports of servers. No client sends from these.
const RESERVED_PORTS: std::ops::Range<u16> = 0..1024;

/// The settings of a quote server.
#[derive(Debug, PartialEq)]
pub struct QuoteSettings {
    interface: Interface,
    port: u16,
    options: UdpOptions,
    poem: String,
}

impl Kind for QuoteSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let default = UdpOptions::default();
        section.about_options::<Listen>();
        let interface = section.optional("interface", read::word).unwrap_or("localhost".into());
        let port = section.required("port", read::port);
        let max_reply = section
            .about("The longest answer; a longer poem is cut [default: 512]")
            .optional("max-reply", reply_size);
        let rate = section
            .about("How many answers a client's address gets per second [default: 10]")
            .optional("replies-per-second", read::integer(1..=1_000_000));
        let allow_reflection = section
            .about("Whether to answer other machines, in whose name anybody can send requests [default: false]")
            .optional("allow-reflection", read::boolean);
        let options = UdpOptions {
            max_reply: max_reply.unwrap_or(default.max_reply),
            replies_per_second: rate.unwrap_or(default.replies_per_second),
            allow_reflection: allow_reflection.unwrap_or(default.allow_reflection),
        };
        let poem = section.about("The poem that is sent").service::<PoemHandle>("poem", "poem");
        let interface = match Interface::resolve(&interface) {
            Ok(interface) => interface,
            Err(e) => {
                section.mistake("interface", format!("interface: {e}"));
                return None;
            }
        };
        // If the value is wrong, that has been recorded, and it is unknown what was meant.
        if allow_reflection.is_some() || !section.has("allow-reflection") {
            let refused = interface.addresses(port?).find_map(|a| options.permit(a).err());
            if let Some(e) = refused {
                section.mistake("interface", format!("interface: {e}"));
            }
        }
        section.takes_datagrams_on("port", interface.addresses(port?));
        Some(Self { interface, port: port?, options, poem: poem? })
    }

    fn service(&self) -> Box<dyn Service> {
        let (poem, port) = (self.poem.clone(), self.port);
        let server = UdpServer::new(self.interface.clone(), port, move |cx| {
            Ok(Quote::new(cx.find(&poem)?, port))
        });
        Box::new(server.options(self.options.clone()))
    }
}

fn reply_size(value: &Value<'_>) -> Result<usize, String> {
    let bytes = read::size(value).ok().filter(|bytes| (1..=MAX_REPLY).contains(bytes));
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| format!("expected a size from 1 to {MAX_REPLY} bytes"))
}

/// Answers any datagram, even an empty one, with a poem.
///
/// A datagram that comes from the port of a server, a reserved one or `port`, its own, is not answered. It does
/// not come from a client, but from somebody who wants two servers to answer each other for ever.
pub struct Quote {
    poem: PoemHandle,
    port: u16,
}

impl Quote {
    /// Answers with the poem that is loaded when a datagram arrives. `port` is the server's own, or 0 if it is
    /// not known.
    pub fn new(poem: PoemHandle, port: u16) -> Self {
        Self { poem, port }
    }

    fn is_client(&self, port: u16) -> bool {
        port != self.port && !RESERVED_PORTS.contains(&port)
    }
}

impl Responder for Quote {
    fn answer(&self, peer: SocketAddr, _datagram: &[u8]) -> Option<Bytes> {
        if self.is_client(peer.port()) { self.poem.get().map(Bytes::from) } else { None }
    }

    fn answered(&self, peer: SocketAddr, bytes: usize) {
        let peer = Peer::from(peer);
        info!(bytes, %peer, "sending {bytes} bytes of poetry to {peer}");
    }
}

#[cfg(test)]
mod tests;
