//! Where to listen: a name or an address, and the addresses that it means.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;

/// A name, an IPv4 or IPv6 address, or `*` for all interfaces, together with its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    name: String,
    addresses: Vec<SocketAddr>,
    literal: bool,
}

/// A name without an address.
#[derive(Debug, thiserror::Error)]
#[error("can't find an address for {name:?}: {source}")]
pub struct ResolveError {
    name: String,
    source: io::Error,
}

impl Interface {
    /// Looks the name up. This asks the system's resolver, so it may take a while.
    ///
    /// # Errors
    /// If the name is unknown.
    pub fn resolve(name: &str) -> Result<Self, ResolveError> {
        let literal = name.parse::<IpAddr>().is_ok() || name.contains('%');
        let addresses = if name == "*" {
            vec![(Ipv6Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::UNSPECIFIED, 0).into()]
        } else {
            addresses_of(name, 0).map_err(|source| ResolveError { name: name.into(), source })?
        };
        let mut distinct: Vec<SocketAddr> = Vec::new();
        for address in addresses {
            if !distinct.contains(&address) {
                distinct.push(address);
            }
        }
        Ok(Self { name: name.into(), addresses: distinct, literal })
    }

    /// The addresses, each with `port`.
    pub fn addresses(&self, port: u16) -> impl Iterator<Item = SocketAddr> {
        self.addresses.iter().map(move |&address| {
            let mut address = address;
            address.set_port(port);
            address
        })
    }

    /// The addresses for people, each with `port`: `[::1]:10000 and 127.0.0.1:10000`.
    pub(super) fn described(&self, port: u16) -> String {
        let addresses: Vec<String> =
            self.addresses(port).map(|address| address.to_string()).collect();
        addresses.join(" and ")
    }

    /// Whether it was given as an address, not a name: then it must exist on this machine.
    pub fn is_literal(&self) -> bool {
        self.literal
    }
}

/// The addresses of a host, as the system's resolver finds them.
///
/// It knows `localhost` from a file. Where that is missing, as in a root directory with nothing but the program, it
/// would ask a name server, in vain: a name server need not know this name; see RFC 6761, section 6.3.
pub(crate) fn addresses_of(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host.eq_ignore_ascii_case("localhost") && !Path::new("/etc/hosts").exists() {
        return Ok(vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()]);
    }
    Ok((host, port).to_socket_addrs()?.collect())
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
