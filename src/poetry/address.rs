//! The address of a server, as people write it.

use crate::config::Value;
use idna::AsciiDenyList;
use std::fmt;
use std::str::FromStr;

/// The address of a server: `HOST:PORT`, or only `PORT` for one on this machine. IPv6 addresses are in brackets.
/// Names may have letters beyond ASCII, such as `bücher.example:17`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// As it was written.
    host: String,
    /// As the resolver expects it: `xn--bcher-kva.example`.
    ascii_host: String,
    port: u16,
}

/// Text that is not an [`Address`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It does not have the right form.
    #[error("expected [HOST:]PORT, such as 10000, example.org:10000 or [::1]:10000")]
    Form,
    /// IDNA has no ASCII form of the host: it contains a character that names can't have.
    #[error("expected a host name that IDNA allows, such as bücher.example")]
    Host,
}

impl Address {
    /// The name or the literal address, as it was written, but without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The same in ASCII.
    pub(super) fn ascii_host(&self) -> &str {
        &self.ascii_host
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
        let port: u16 = port.parse().map_err(|_| AddressError::Form)?;
        let ambiguous = unbracketed.is_none() && host.contains(':');
        let is_host = !host.is_empty() && !host.contains(char::is_whitespace);
        if port == 0 || ambiguous || !is_host {
            return Err(AddressError::Form);
        }
        let ascii_host = to_ascii(host).ok_or(AddressError::Host)?;
        Ok(Self { host: host.into(), ascii_host, port })
    }
}

/// The name of a host in the DNS. ASCII text may be anything that a resolver accepts, such as `some_host` or
/// `fe80::1%eth0`, and stays as it is.
fn to_ascii(host: &str) -> Option<String> {
    if host.is_ascii() {
        return Some(host.into());
    }
    let ascii = idna::domain_to_ascii_cow(host.as_bytes(), AsciiDenyList::URL).ok()?;
    Some(ascii.into_owned()).filter(|ascii| !ascii.is_empty())
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
mod tests;
