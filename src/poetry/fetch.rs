//! Fetches a poem from a server, as a client.

pub use super::address::{Address, AddressError};
pub use super::connect::{ConnectError, Connector};
use super::netstring::{self, NetstringError};
use bytes::{Bytes, BytesMut};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The limits of a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the server may neither send nor accept anything.
    pub silence_timeout: Duration,
    /// The longest poem, in bytes.
    pub max_length: usize,
}

impl Default for Limits {
    /// 10 seconds to connect, 30 seconds of silence, 16 MiB.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            silence_timeout: Duration::from_secs(30),
            max_length: 16 << 20,
        }
    }
}

/// Why a poem could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The connection to the server failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server has stopped sending.
    #[error("{address} sent nothing for {} seconds, after {received} bytes", limit.as_secs_f64())]
    Silent {
        /// The server.
        address: Address,
        /// How long the client has waited.
        limit: Duration,
        /// How many bytes of the poem had arrived.
        received: usize,
    },
    /// The connection ended in a reset, so the poem is incomplete.
    #[error("{address} cut the poem after {received} bytes: {source}")]
    Cut {
        /// The server.
        address: Address,
        /// How many bytes of the poem had arrived.
        received: usize,
        /// The error of the system.
        source: io::Error,
    },
    /// The server closed the connection without sending anything.
    #[error("{address} sent nothing")]
    Empty {
        /// The server.
        address: Address,
    },
    /// The poem is longer than the client accepts.
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
    /// The server closed the connection in the middle of its answer.
    #[error("{address} closed in the middle of its answer, after {received} bytes")]
    Unfinished {
        /// The server.
        address: Address,
        /// How many bytes of the answer had arrived.
        received: usize,
    },
    /// The server closed the connection instead of answering, as it does if it does not know the transform.
    #[error("{address} refused to transform the poem with {name:?}")]
    Refused {
        /// The server.
        address: Address,
        /// The transform.
        name: String,
    },
}

/// Fetches poems from servers. Cheap to clone; a client and its clones share one [`Connector`].
#[derive(Clone, Default)]
pub struct Client {
    limits: Limits,
    connector: Connector,
}

impl Client {
    /// A client with these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, connector: Connector::default() }
    }

    /// Fetches a poem: everything that a server sends until it closes the connection. `progress` is called with
    /// the number of bytes so far each time some have arrived.
    ///
    /// # Errors
    /// If the poem is not complete. A reset in the middle of a poem is an error, never a short poem.
    pub async fn fetch(
        &self,
        address: &Address,
        mut progress: impl FnMut(usize),
    ) -> Result<Bytes, FetchError> {
        let mut conversation = Conversation::open(self, address).await?;
        while conversation.receive().await? {
            progress(conversation.received.len());
            if conversation.received.len() > self.limits.max_length {
                return Err(conversation.too_long());
            }
        }
        match conversation.received.is_empty() {
            true => Err(FetchError::Empty { address: address.clone() }),
            false => Ok(conversation.received.freeze()),
        }
    }

    /// Sends a poem to a server for a transformation, as in the tutorial's transform service: the request is a
    /// netstring of `NAME.POEM`, the answer is a netstring of the new poem.
    ///
    /// # Errors
    /// If the answer is not complete.
    pub async fn transform(
        &self,
        address: &Address,
        name: &str,
        poem: &[u8],
    ) -> Result<Bytes, FetchError> {
        let mut conversation = Conversation::open(self, address).await?;
        let request = netstring::encode(&[name.as_bytes(), b".", poem].concat());
        conversation.send(&request).await?;
        loop {
            let open = conversation.receive().await?;
            let max_length = self.limits.max_length;
            let answer = netstring::decode(&mut conversation.received, max_length);
            let wrong = |source| FetchError::Netstring { address: address.clone(), source };
            match answer.map_err(wrong)? {
                Some(poem) => return Ok(poem),
                None if open => {}
                None if conversation.received.is_empty() => return Err(conversation.refused(name)),
                None => return Err(conversation.unfinished()),
            }
        }
    }
}

/// The size of the buffer for the first read, in bytes: enough for most poems.
const FIRST_READ: usize = 8 * 1024;

/// A connection to a server, with what has been received so far.
struct Conversation<'a> {
    address: &'a Address,
    limits: &'a Limits,
    stream: TcpStream,
    received: BytesMut,
}

impl<'a> Conversation<'a> {
    async fn open(client: &'a Client, address: &'a Address) -> Result<Self, FetchError> {
        let Client { limits, connector } = client;
        let stream = connector.connect(address, limits.connect_timeout).await?;
        Ok(Self { address, limits, stream, received: BytesMut::with_capacity(FIRST_READ) })
    }

    /// Waits for more. Returns whether some has arrived; if not, the server has closed the connection normally.
    async fn receive(&mut self) -> Result<bool, FetchError> {
        let read = self.stream.read_buf(&mut self.received);
        match timeout(self.limits.silence_timeout, read).await {
            Ok(Ok(bytes)) => Ok(bytes > 0),
            Ok(Err(source)) => Err(self.cut(source)),
            Err(_) => Err(self.silent()),
        }
    }

    /// Sends a request, part by part, since a large one takes some time.
    async fn send(&mut self, mut request: &[u8]) -> Result<(), FetchError> {
        while !request.is_empty() {
            match timeout(self.limits.silence_timeout, self.stream.write(request)).await {
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
            limit: self.limits.silence_timeout,
            received: self.received.len(),
        }
    }

    fn too_long(&self) -> FetchError {
        FetchError::TooLong { address: self.address.clone(), max_length: self.limits.max_length }
    }

    fn unfinished(&self) -> FetchError {
        let (address, received) = (self.address.clone(), self.received.len());
        FetchError::Unfinished { address, received }
    }

    fn refused(&self, name: &str) -> FetchError {
        FetchError::Refused { address: self.address.clone(), name: name.into() }
    }
}
