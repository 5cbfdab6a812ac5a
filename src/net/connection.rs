//! A connection that a protocol converses on.

use super::Peer;
use super::closing::{reset_when_dropped, unacknowledged};
use std::future::Future;
use std::io;
use std::net;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

/// One client's connection, read and written through Tokio's `AsyncRead` and `AsyncWrite`.
///
/// A write that the client lets wait for the server's `write-timeout` fails with
/// [`TimedOut`](io::ErrorKind::TimedOut). Unless the protocol returns `Ok`, the connection ends in a
/// reset, so that the client can tell a cut answer from a whole one.
pub struct Connection {
    stream: TcpStream,
    peer: Peer,
    write_timeout: Duration,
    closed: CancellationToken,
    /// Set while a write waits for the client.
    stall: Option<Stall>,
}

struct Stall {
    timeout: Pin<Box<Sleep>>,
    /// How many bytes the client had not acknowledged when it began.
    unread: usize,
}

impl Connection {
    /// Registers the socket, which [is reset when dropped](reset_when_dropped), with the reactor of the
    /// worker that this is called on.
    pub(super) fn new(
        stream: net::TcpStream,
        peer: Peer,
        write_timeout: Duration,
        closed: CancellationToken,
    ) -> io::Result<Self> {
        let stream = TcpStream::from_std(stream)?;
        Ok(Self { stream, peer, write_timeout, closed, stall: None })
    }

    /// The other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Waits until the service is told to stop. A conversation that could go on for ever should come to
    /// its end then; it has until the deadline.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        self.closed.clone().cancelled_owned()
    }

    /// Ends the conversation in order: gives back the socket, for the orderly close.
    pub(super) fn finish(self) -> io::Result<net::TcpStream> {
        let stream = self.stream.into_std()?;
        reset_when_dropped(&stream, false);
        Ok(stream)
    }

    fn check_stall<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        loop {
            let stall = self.stall.get_or_insert_with(|| Stall {
                timeout: Box::pin(sleep(self.write_timeout)),
                unread: unacknowledged(&self.stream),
            });
            ready!(stall.timeout.as_mut().poll(cx));
            let unread = stall.unread;
            self.stall = None;
            if unacknowledged(&self.stream) >= unread {
                let seconds = self.write_timeout.as_secs_f64();
                let why = format!("{} took nothing for {seconds} seconds", self.peer);
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.stall = None; // a client that speaks is there
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.check_stall(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
