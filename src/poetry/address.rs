//! Where a server is, as people write it.

use crate::config::Value;
use std::fmt;
use std::str::FromStr;

/// Where a server is: `HOST:PORT`, or `PORT` alone for one on this machine. IPv6 addresses stand in
/// brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

/// Something that is not an [`Address`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected [HOST:]PORT, such as 10000, example.org:10000 or [::1]:10000")]
pub struct AddressError;

impl Address {
    /// The name or the literal address, without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').unwrap_or(("localhost", text));
        let unbracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = unbracketed.unwrap_or(host);
        let port: u16 = port.parse().map_err(|_| AddressError)?;
        let ambiguous = unbracketed.is_none() && host.contains(':');
        let is_host = !host.is_empty() && !host.contains(char::is_whitespace);
        if port == 0 || ambiguous || !is_host {
            return Err(AddressError);
        }
        Ok(Self { host: host.into(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The address of a server, as a reader of configuration values.
pub(super) fn address(value: &Value<'_>) -> Result<Address, String> {
    let port_alone = value.as_integer().map(|port| port.to_string());
    let text = port_alone.as_deref().or(value.as_str()).unwrap_or_default();
    text.parse().map_err(|e: AddressError| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let read = |text: &str| text.parse().map(|address: Address| address.to_string());
        assert_eq!(read("10000"), Ok("localhost:10000".into()));
        assert_eq!(read("example.org:17"), Ok("example.org:17".into()));
        assert_eq!(read("[::1]:17"), Ok("[::1]:17".into()));
        for wrong in ["", "0", "poem", "host:", ":17", "::1:17", "host:70000", "a b:17", "[]:17"] {
            assert_eq!(read(wrong), Err(AddressError), "{wrong:?}");
        }
    }
}
