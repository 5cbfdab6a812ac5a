//! A connection for a protocol that reads and writes.

use super::Peer;
use super::connection_counters::{Failure, Traffic};
use super::socket::{unacknowledged, unread};
use socket2::Socket;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

/// One client's connection, read and written through Tokio's `AsyncRead` and `AsyncWrite`.
///
/// A write fails with [`TimedOut`](io::ErrorKind::TimedOut) if the client reads nothing for the server's
/// `write-timeout`. Unless the protocol returns `Ok`, the connection ends in a reset, so that the client can tell
/// that the answer was cut.
pub struct Connection {
    socket: AsyncFd<Socket>,
    peer: Peer,
    write_timeout: Duration,
    closed: CancellationToken,
    /// Set while a write waits for the client.
    stall: Option<Stall>,
    traffic: Traffic,
    /// Set when reading or writing has failed.
    failure: Option<Failure>,
}

struct Stall {
    timeout: Pin<Box<Sleep>>,
    /// How many bytes the client had not acknowledged when it began.
    unread: usize,
}

impl Connection {
    /// On a socket that [is reset when dropped](super::socket::reset_when_dropped).
    pub(super) fn new(
        socket: AsyncFd<Socket>,
        peer: Peer,
        write_timeout: Duration,
        closed: CancellationToken,
        traffic: Traffic,
    ) -> Self {
        Self { socket, peer, write_timeout, closed, stall: None, traffic, failure: None }
    }

    /// The client.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Waits until the service is told to stop. A protocol that could go on for ever should then finish; it has
    /// until the deadline. For a protocol of lines, [`lines`](Self::lines) does that.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        self.closed.clone().cancelled_owned()
    }

    /// How many bytes have arrived that have not been read.
    pub(super) fn unread(&self) -> usize {
        unread(self.socket.get_ref())
    }

    /// Ends the connection: returns the socket, which still has to be closed, unless the protocol has failed or
    /// the connection is dead.
    pub(super) fn finish(self, is_well: bool) -> (Result<Socket, Failure>, Traffic) {
        let failure = match (is_well, self.failure) {
            // The client may still read what it did not read in time.
            (true, None | Some(Failure::Timeout)) => None,
            (true, dead) => dead,
            (false, failure) => failure.or(Some(Failure::Protocol)),
        };
        (failure.map_or_else(|| Ok(self.socket.into_inner()), Err), self.traffic)
    }

    /// Records that the socket has failed.
    fn note_error<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        if done.is_err() {
            self.failure = Some(Failure::of_socket(self.traffic.sent));
        }
        done
    }

    /// Calls this function when there is something to read. It returns how many bytes it has read, if it has tried.
    pub(crate) fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        mut read: impl FnMut(&Socket) -> io::Result<Option<usize>>,
    ) -> Poll<io::Result<Option<usize>>> {
        let read = loop {
            let mut ready = ready!(self.socket.poll_read_ready(cx))?;
            if let Ok(read) = ready.try_io(|socket| read(socket.get_ref())) {
                break read;
            }
        };
        let read = self.note_error(read)?;
        if let Some(read @ 1..) = read {
            self.traffic.received += read as u64;
            self.stall = None; // a client that sends is alive
        }
        Poll::Ready(Ok(read))
    }

    /// Calls this function when there is room to write. It returns how many bytes it has written.
    pub(crate) fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnMut(&Socket) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let written = self.try_write(cx, write);
        self.check_stall(cx, written)
    }

    fn try_write(
        &mut self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&Socket) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.socket.poll_write_ready(cx))?;
            if let Ok(written) = ready.try_io(|socket| write(socket.get_ref())) {
                let written = self.note_error(written)?;
                self.traffic.sent += written as u64;
                return Poll::Ready(Ok(written));
            }
        }
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
                unread: unacknowledged(self.socket.get_ref()),
            });
            ready!(stall.timeout.as_mut().poll(cx));
            let unread = stall.unread;
            self.stall = None;
            if unacknowledged(self.socket.get_ref()) >= unread {
                self.failure = Some(Failure::Timeout);
                let seconds = self.write_timeout.as_secs_f64();
                let why = format!("{} read nothing for {seconds} seconds", self.peer);
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
        // SAFETY: only bytes are written to it.
        let unfilled = unsafe { buffer.unfilled_mut() };
        let read = ready!(self.poll_read_with(cx, |socket| socket.recv(unfilled).map(Some)))?;
        let read = read.unwrap_or_default();
        // SAFETY: recv has written this many bytes at the beginning of the unfilled part.
        unsafe { buffer.assume_init(read) };
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.send_with_flags(bytes, libc::MSG_NOSIGNAL))
    }

    /// There is no buffer besides the kernel's.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.get_ref().shutdown(Shutdown::Write))
    }
}
