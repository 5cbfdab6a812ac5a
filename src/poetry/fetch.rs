//! Getting a poem from a server, as a client.

use super::netstring::{self, NetstringError};
use bytes::{Bytes, BytesMut};
use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

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
    /// What Tokio connects to.
    pub(super) fn host_and_port(&self) -> (&str, u16) {
        (&self.host, self.port)
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

/// How much a client puts up with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the server may say nothing, or take nothing.
    pub silence_timeout: Duration,
    /// How long a poem may be, in bytes.
    pub max_length: usize,
}

impl Default for Patience {
    /// 10 seconds to connect, 30 of silence, 16 MiB of poem.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            silence_timeout: Duration::from_secs(30),
            max_length: 16 << 20,
        }
    }
}

/// Why a poem did not come.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody is there, or nobody could be found.
    #[error("can't connect to {address}: {source}")]
    Connect {
        /// The server.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// The server neither took the connection nor refused it.
    #[error("can't connect to {address}: no answer within {} seconds", limit.as_secs_f64())]
    NoAnswer {
        /// The server.
        address: Address,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The server has gone silent.
    #[error("{address} said nothing for {} seconds, after {received} bytes", limit.as_secs_f64())]
    Silent {
        /// The server.
        address: Address,
        /// How long it was waited for.
        limit: Duration,
        /// How much of the poem had come.
        received: usize,
    },
    /// The connection ended in a reset: this is not the whole poem.
    #[error("{address} cut the poem after {received} bytes: {source}")]
    Cut {
        /// The server.
        address: Address,
        /// How much of the poem had come.
        received: usize,
        /// What the system said.
        source: io::Error,
    },
    /// The server closed without a byte.
    #[error("{address} sent nothing")]
    Empty {
        /// The server.
        address: Address,
    },
    /// There is more than the client is ready to take.
    #[error("{address} sends more than {max_length} bytes")]
    TooLong {
        /// The server.
        address: Address,
        /// The limit.
        max_length: usize,
    },
    /// The answer to a request for a transformation is not a netstring.
    #[error("{address} answered with something that is not a netstring: {source}")]
    Netstring {
        /// The server.
        address: Address,
        /// What is wrong with it.
        source: NetstringError,
    },
    /// The server closed in the middle of its answer.
    #[error("{address} closed in the middle of its answer, after {received} bytes")]
    Unfinished {
        /// The server.
        address: Address,
        /// How much of the answer had come.
        received: usize,
    },
    /// The server closed instead of answering, as it does when it does not know the transformation.
    #[error("{address} refused to transform the poem with {name:?}")]
    Refused {
        /// The server.
        address: Address,
        /// The transformation.
        name: String,
    },
}

/// Gets a poem: everything that a server says until it closes. `progress` is told how many bytes have come,
/// each time some have.
///
/// # Errors
/// If the poem does not come whole. A reset in mid-poem is an error, never a short poem.
pub async fn fetch(
    address: &Address,
    patience: &Patience,
    mut progress: impl FnMut(usize),
) -> Result<Bytes, FetchError> {
    let mut conversation = Conversation::open(address, patience).await?;
    while conversation.receive().await? {
        progress(conversation.received.len());
        if conversation.received.len() > patience.max_length {
            return Err(conversation.too_long());
        }
    }
    match conversation.received.is_empty() {
        true => Err(FetchError::Empty { address: address.clone() }),
        false => Ok(conversation.received.freeze()),
    }
}

/// Has a server transform a poem, as the tutorial's transform service does: the request is a netstring of
/// `NAME.POEM`, the answer is one of the new poem.
///
/// # Errors
/// If the answer does not come whole.
pub async fn transform(
    address: &Address,
    patience: &Patience,
    name: &str,
    poem: &[u8],
) -> Result<Bytes, FetchError> {
    let mut conversation = Conversation::open(address, patience).await?;
    let request = netstring::encode(&[name.as_bytes(), b".", poem].concat());
    conversation.send(&request).await?;
    loop {
        let open = conversation.receive().await?;
        let answer = netstring::decode(&mut conversation.received, patience.max_length);
        let wrong = |source| FetchError::Netstring { address: address.clone(), source };
        match answer.map_err(wrong)? {
            Some(poem) => return Ok(poem),
            None if open => {}
            None if conversation.received.is_empty() => return Err(conversation.refused(name)),
            None => return Err(conversation.unfinished()),
        }
    }
}

/// Room for the first read, in bytes: most poems.
const FIRST_READ: usize = 8 * 1024;

/// A connection to a server, with what has come through it so far.
struct Conversation<'a> {
    address: &'a Address,
    patience: &'a Patience,
    stream: TcpStream,
    received: BytesMut,
}

impl<'a> Conversation<'a> {
    async fn open(address: &'a Address, patience: &'a Patience) -> Result<Self, FetchError> {
        let limit = patience.connect_timeout;
        let connecting = TcpStream::connect(address.host_and_port());
        let stream = match timeout(limit, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(source)) => {
                return Err(FetchError::Connect { address: address.clone(), source });
            }
            Err(_) => return Err(FetchError::NoAnswer { address: address.clone(), limit }),
        };
        Ok(Self { address, patience, stream, received: BytesMut::with_capacity(FIRST_READ) })
    }

    /// Waits for more. Returns whether some came; else the server has closed in order.
    async fn receive(&mut self) -> Result<bool, FetchError> {
        let read = self.stream.read_buf(&mut self.received);
        match timeout(self.patience.silence_timeout, read).await {
            Ok(Ok(bytes)) => Ok(bytes > 0),
            Ok(Err(source)) => Err(self.cut(source)),
            Err(_) => Err(self.silent()),
        }
    }

    /// Sends a request, part by part, since a big one takes its time.
    async fn send(&mut self, mut request: &[u8]) -> Result<(), FetchError> {
        while !request.is_empty() {
            match timeout(self.patience.silence_timeout, self.stream.write(request)).await {
                Ok(Ok(sent)) => request = &request[sent..],
                Ok(Err(source)) => return Err(self.cut(source)),
                Err(_) => return Err(self.silent()),
            }
        }
        Ok(())
    }

    fn cut(&self, source: io::Error) -> FetchError {
        FetchError::Cut { address: self.address.clone(), received: self.received.len(), source }
    }

    fn silent(&self) -> FetchError {
        FetchError::Silent {
            address: self.address.clone(),
            limit: self.patience.silence_timeout,
            received: self.received.len(),
        }
    }

    fn too_long(&self) -> FetchError {
        FetchError::TooLong { address: self.address.clone(), max_length: self.patience.max_length }
    }

    fn unfinished(&self) -> FetchError {
        let (address, received) = (self.address.clone(), self.received.len());
        FetchError::Unfinished { address, received }
    }

    fn refused(&self, name: &str) -> FetchError {
        FetchError::Refused { address: self.address.clone(), name: name.into() }
    }
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
