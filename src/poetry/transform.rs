//! `protocol = "transform"`: makes a new poem from a poem.

use super::netstring::{self, NetstringError};
use super::request_memory::{RequestMemory, Share};
use super::transform_counters::{Refusal, TransformCounters};
use super::transforms::{self, Transform};
use crate::config::{ProtocolKind, Section, read};
use crate::net::{Connection, Peer, Protocol};
use crate::service::{BoxError, Context};
use async_trait::async_trait;
use memmap2::MmapMut;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::timeout;
use tracing::info;

/// The buffer of each connection, in bytes: for a short request, or for the beginning of another one.
const OWN_ROOM: usize = 1024;

/// How much of an answer is sent in one write, in bytes.
const SEND: usize = 32 * 1024;

/// The settings of the transform protocol.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TransformSettings {
    /// The longest request, in bytes.
    pub max_length: usize,
    /// How long a client may send nothing before its request is complete. Also how long a request may be in
    /// memory while others wait for memory.
    pub read_timeout: Duration,
    /// How much memory the requests of all clients may use together, in bytes.
    pub request_memory: usize,
}

impl Default for TransformSettings {
    /// 16 MB (16,000,000 bytes), 60 seconds and 256 MB.
    fn default() -> Self {
        Self {
            max_length: 16_000_000,
            read_timeout: Duration::from_secs(60),
            request_memory: 256_000_000,
        }
    }
}

impl ProtocolKind for TransformSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let default = Self::default();
        Some(Self {
            max_length: section
                .about("The longest request [default: 16MB]")
                .optional("max-length", read::length)
                .unwrap_or(default.max_length),
            read_timeout: section
                .about("How long a client may send nothing before its request is complete [default: 60]")
                .optional("read-timeout", read::seconds_above_0)
                .unwrap_or(default.read_timeout),
            request_memory: section
                .about("How much memory the requests of all clients may use together [default: 256MB]")
                .optional("request-memory", read::length)
                .unwrap_or(default.request_memory),
        })
    }

    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        Ok(Arc::new(TransformPoetry::new(self.clone(), cx)))
    }
}

/// Reads one request, a netstring of `NAME.POEM`, answers with a netstring of the poem that the transform with
/// that name makes, and closes. A request that can't be answered is closed without an answer.
///
/// The memory of all requests together is limited: a request of more than a kilobyte is not read until there is
/// memory for it. Answers, which may be much longer, use none: they are made while they are sent, after being
/// made once before to find out their length. A client that keeps others waiting for memory for longer than the
/// read timeout, because it sends its request or reads its answer slowly, is reset.
pub struct TransformPoetry {
    settings: TransformSettings,
    memory: RequestMemory,
    counters: Arc<TransformCounters>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The request can't be answered. The connection is closed normally.
    #[error("{1}")]
    Refused(Refusal, String),
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<NetstringError> for Failure {
    fn from(error: NetstringError) -> Self {
        let why = match error {
            NetstringError::TooLong(_) => Refusal::TooLong,
            NetstringError::Length | NetstringError::Comma => Refusal::Malformed,
        };
        Failure::Refused(why, error.to_string())
    }
}

impl TransformPoetry {
    /// A service with these limits, which counts for the service with this context.
    pub fn new(settings: TransformSettings, cx: &Context) -> Self {
        let memory = RequestMemory::new(settings.request_memory);
        Self { settings, memory, counters: cx.counters("transform", TransformCounters::new) }
    }

    async fn serve(&self, connection: &mut Connection) -> Result<(), Failure> {
        let TransformSettings { max_length, read_timeout, .. } = self.settings;
        let (mut buffer, mut filled) = ([0; OWN_ROOM], 0);
        let range = loop {
            match netstring::range(&buffer[..filled], max_length)? {
                Some(range) => break range,
                None => {
                    let read = connection.read(&mut buffer[filled..]);
                    filled += self.in_time(read, filled).await?;
                }
            }
        };
        let whole = range.end + 1;
        if whole <= OWN_ROOM {
            self.fill(connection, &mut buffer[..whole], filled).await?;
            return self.answer(connection, &buffer, range).await;
        }
        let _share = self.memory_for(range.len(), connection.peer()).await?;
        let answered = async {
            // Memory of its own, which is returned to the system immediately, and which the system may refuse.
            let mut request = MmapMut::map_anon(whole)?;
            request[..filled].copy_from_slice(&buffer[..filled]);
            self.fill(connection, &mut request, filled).await?;
            self.answer(connection, &request, range).await
        };
        tokio::select! {
            biased;
            answered = answered => answered,
            () = self.memory.wanted_after(read_timeout) => {
                let seconds = read_timeout.as_secs_f64();
                let why = format!("it took more than {seconds} seconds while others waited for memory");
                Err(io::Error::new(io::ErrorKind::TimedOut, why).into())
            }
        }
    }

    /// Takes memory for a request with this many bytes, or waits for it.
    async fn memory_for(&self, bytes: usize, peer: &Peer) -> Result<Share<'_>, Failure> {
        let all = self.memory.bytes();
        if bytes > all {
            let why = format!("a request of {bytes} bytes, and request-memory is {all}");
            return Err(Failure::Refused(Refusal::TooLong, why));
        }
        if let Some(share) = self.memory.try_take(bytes) {
            return Ok(share);
        }
        info!(bytes, %peer, "{peer} waits for memory: requests use all {all} bytes of it");
        self.counters.waits_for_memory();
        Ok(self.memory.take(bytes).await?)
    }

    /// Reads until the buffer is full.
    async fn fill(
        &self,
        connection: &mut Connection,
        buffer: &mut [u8],
        mut filled: usize,
    ) -> Result<(), Failure> {
        while filled < buffer.len() {
            let read = connection.read(&mut buffer[filled..]);
            filled += self.in_time(read, filled).await?;
        }
        Ok(())
    }

    /// The result of a read, which has to complete in time and return something.
    async fn in_time(
        &self,
        read: impl Future<Output = io::Result<usize>>,
        received: usize,
    ) -> Result<usize, Failure> {
        match timeout(self.settings.read_timeout, read).await {
            Err(_) => {
                let why = "the request did not arrive in time";
                Err(Failure::Refused(Refusal::Late, why.into()))
            }
            Ok(Ok(0)) => {
                let why = format!("the request ended after {received} bytes");
                Err(Failure::Refused(Refusal::Incomplete, why))
            }
            Ok(read) => Ok(read?),
        }
    }

    /// Answers a request, a netstring with its bytes in this range.
    async fn answer(
        &self,
        connection: &mut Connection,
        netstring: &[u8],
        range: Range<usize>,
    ) -> Result<(), Failure> {
        if netstring[range.end] != netstring::END {
            return Err(NetstringError::Comma.into());
        }
        let (name, transform, poem) = parse(&netstring[range])?;
        self.counters.transforms(&name);
        let (bytes, peer) = (poem.len(), connection.peer());
        info!(bytes, %peer, transform = name, "transforming {bytes} bytes of poetry with {name} for {peer}");
        send(connection, transform, poem).await
    }
}

/// Makes a new poem twice: to find out its length, and to send it.
async fn send(
    connection: &mut Connection,
    transform: Transform,
    poem: &[u8],
) -> Result<(), Failure> {
    let mut length = 0;
    for piece in transform(poem) {
        length += piece.len();
        yield_now().await; // lets other clients of this worker continue
    }
    let mut unsent = netstring::start(length);
    for piece in transform(poem) {
        unsent.extend(piece);
        if unsent.len() >= SEND {
            connection.write_all(&unsent).await?;
            unsent.clear();
            yield_now().await;
        }
    }
    unsent.push(netstring::END);
    Ok(connection.write_all(&unsent).await?)
}

#[async_trait]
impl Protocol for TransformPoetry {
    async fn converse(&self, connection: &mut Connection) -> io::Result<()> {
        match self.serve(connection).await {
            Ok(()) => Ok(()),
            Err(Failure::Refused(reason, why)) => {
                self.counters.refuses(reason);
                let peer = connection.peer();
                info!(%peer, "refusing to transform for {peer}: {why}");
                Ok(())
            }
            Err(Failure::Io(e)) => Err(e),
        }
    }
}

/// Parses `NAME.POEM`.
fn parse(request: &[u8]) -> Result<(String, Transform, &[u8]), Failure> {
    let Some(dot) = request.iter().position(|byte| *byte == b'.') else {
        let why = "there is no dot after the name of a transform";
        return Err(Failure::Refused(Refusal::Malformed, why.into()));
    };
    let name: String = request[..dot].escape_ascii().take(100).map(char::from).collect();
    match transforms::find(&request[..dot]) {
        Some(transform) => Ok((name, transform, &request[dot + 1..])),
        None => {
            let why = format!("there is no transform named \"{name}\"");
            Err(Failure::Refused(Refusal::Unknown, why))
        }
    }
}
