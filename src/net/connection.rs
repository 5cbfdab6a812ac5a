//! A connection that a protocol converses on.

use super::Peer;
use super::closing::reset_when_dropped;
use std::future::Future;
use std::io;
use std::net;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// One client's connection, read and written through Tokio's `AsyncRead` and `AsyncWrite`.
///
/// A write that the client lets wait for the server's `write-timeout` fails with
/// [`TimedOut`](io::ErrorKind::TimedOut). Unless the protocol returns `Ok`, the connection ends in a
/// reset, so that the client can tell a cut answer from a whole one.
pub struct Connection {
    stream: TcpStream,
    peer: Peer,
    write_timeout: Duration,
    /// Runs while a write waits for the client.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    /// Registers the socket with the reactor of the worker that this is called on.
    pub(super) fn new(
        stream: net::TcpStream,
        peer: Peer,
        write_timeout: Duration,
    ) -> io::Result<Self> {
        reset_when_dropped(&stream, true);
        let stream = TcpStream::from_std(stream)?;
        Ok(Self { stream, peer, write_timeout, stalled: None })
    }

    /// The other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
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
        progress: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.stalled = None;
            return progress;
        }
        let write_timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(write_timeout)));
        stalled.as_mut().poll(cx).map(|()| {
            let seconds = write_timeout.as_secs_f64();
            let why = format!("{} took nothing for {seconds} seconds", self.peer);
            Err(io::Error::new(io::ErrorKind::TimedOut, why))
        })
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
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
