//! Asks a daemon through its control socket. Blocks, and needs no runtime.

use super::answer::{self, Answer, AnswerError};
use crate::document::Refused;
use nix::sys::socket::{getsockopt, sockopt};
use serde::de::DeserializeOwned;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the daemon may take to accept the connection and the request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to the control socket of a daemon.
pub(crate) struct Client {
    stream: UnixStream,
    pid: Option<u32>,
}

/// Why a daemon can't be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// There is no such socket, or no process listens on it.
    #[error("no process listens on it")]
    Absent,
    /// It belongs to another user.
    #[error("permission denied")]
    NotPermitted,
    /// It can't be reached for another reason.
    #[error("{0}")]
    Other(#[from] io::Error),
}

/// What the daemon is asked for.
pub(crate) struct Request<'a> {
    /// `GET` or `POST`.
    pub(crate) method: &'static str,
    /// The resource: `/status`.
    pub(crate) target: &'a str,
    /// How long it may take.
    pub(crate) timeout: Duration,
}

/// Why there is no answer, or only a refusal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The daemon has refused it.
    #[error("{error}")]
    Refused {
        /// Why.
        error: String,
        /// Whether the application file or the request is wrong.
        is_mistake: bool,
    },
    /// The connection was closed: the daemon has probably ended.
    #[error("it closed the connection without an answer; it may be stopping")]
    Cut,
    /// It has not answered in time.
    #[error("it has not answered for {} s", .0.as_secs())]
    TooLate(Duration),
    /// What it has answered can't be used.
    #[error("{0}")]
    Unusable(String),
}

impl Client {
    /// Connects to a socket.
    pub(crate) fn connect(socket: &Path) -> Result<Self, ConnectError> {
        let address = SockAddr::unix(socket)?;
        let client = Socket::new(Domain::UNIX, Type::STREAM.cloexec(), None)?;
        // This is how long connect(2) waits for room in the queue.
        client.set_write_timeout(Some(CONNECT_TIMEOUT))?;
        client.connect(&address).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ConnectError::Absent,
            io::ErrorKind::PermissionDenied => ConnectError::NotPermitted,
            _ => ConnectError::Other(e),
        })?;
        let stream = UnixStream::from(OwnedFd::from(client));
        let peer = getsockopt(&stream, sockopt::PeerCredentials).map_err(io::Error::from)?;
        Ok(Self { stream, pid: u32::try_from(peer.pid()).ok().filter(|pid| *pid != 0) })
    }

    /// The process that has opened the socket. `None`: it is in another PID namespace, where this one can't see it.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Asks for something, and returns the answer as it came, which is JSON.
    pub(crate) fn ask(self, request: &Request<'_>) -> Result<Vec<u8>, AskError> {
        let Request { method, target, timeout } = *request;
        let head =
            format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        let mut stream = Limited { stream: self.stream, end: Instant::now().checked_add(timeout) };
        let sent = (&stream.stream).write_all(head.as_bytes());
        let answer = sent.map_err(AnswerError::from).and_then(|()| answer::read(&mut stream));
        match answer {
            Ok(Answer { status: 200..=299, body }) => Ok(body),
            Ok(Answer { body, .. }) => Err(match of_json::<Refused>(&body) {
                Ok(Refused { error, is_mistake, .. }) => AskError::Refused { error, is_mistake },
                Err(unusable) => unusable,
            }),
            Err(AnswerError::Cut) => Err(AskError::Cut),
            Err(AnswerError::Io(e)) => Err(match e.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => AskError::TooLate(timeout),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => AskError::Cut,
                _ => AskError::Unusable(e.to_string()),
            }),
            Err(e) => Err(AskError::Unusable(e.to_string())),
        }
    }

    /// Asks for something, and returns the answer.
    pub(crate) fn ask_for<T: DeserializeOwned>(self, request: &Request<'_>) -> Result<T, AskError> {
        of_json(&self.ask(request)?)
    }
}

fn of_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, AskError> {
    serde_json::from_slice(body).map_err(|e| {
        AskError::Unusable(format!("its answer is not as this version expects it: {e}"))
    })
}

/// A stream whose reads end at a deadline, all of them together.
struct Limited {
    stream: UnixStream,
    end: Option<Instant>,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(end) = self.end {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
        }
        self.stream.read(buffer)
    }
}
