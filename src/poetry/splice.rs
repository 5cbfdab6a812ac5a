//! Streams on sockets, between which bytes can pass without being copied.

use super::pipes::Pipe;
use crate::net::Connection;
use socket2::SockRef;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::TcpStream;

/// A stream that can be read and written by functions of its socket, if it has one.
pub(super) trait OnSocket: AsyncRead + AsyncWrite + Unpin {
    /// Calls this function when there is something to read. It returns how many bytes it has read, if it has tried.
    fn poll_read_with(
        &mut self,
        _: &mut Context<'_>,
        _: impl FnMut(BorrowedFd<'_>) -> io::Result<Option<usize>>,
    ) -> Poll<io::Result<Option<usize>>> {
        Poll::Ready(Ok(None))
    }

    /// Calls this function when there is room to write. It returns how many bytes it has written.
    fn poll_write_with(
        &mut self,
        _: &mut Context<'_>,
        _: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

/// Moves what has been received into the pipe. `None`: it can't be done.
pub(super) fn poll_fill(
    cx: &mut Context<'_>,
    pipe: &mut Pipe,
    from: &mut impl OnSocket,
) -> Poll<io::Result<Option<usize>>> {
    from.poll_read_with(cx, |socket| pipe.fill(socket))
}

/// Moves all that is in the pipe on.
pub(super) fn poll_drain(
    cx: &mut Context<'_>,
    pipe: &mut Pipe,
    to: &mut impl OnSocket,
) -> Poll<io::Result<usize>> {
    match ready!(to.poll_write_with(cx, |socket| pipe.drain(socket)))? {
        0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written => Poll::Ready(Ok(written)),
    }
}

/// Fails if the stream has failed. If it has nothing to read, the task is woken when it has, or has failed.
pub(super) fn check(cx: &mut Context<'_>, stream: &mut impl OnSocket) -> io::Result<()> {
    let peek = |socket: BorrowedFd<'_>| {
        SockRef::from(&socket).peek(&mut [MaybeUninit::uninit()]).map(|_| None)
    };
    match stream.poll_read_with(cx, peek) {
        Poll::Ready(Err(e)) => Err(e),
        _ => Ok(()),
    }
}

impl OnSocket for &mut Connection {
    fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        mut read: impl FnMut(BorrowedFd<'_>) -> io::Result<Option<usize>>,
    ) -> Poll<io::Result<Option<usize>>> {
        Connection::poll_read_with(self, cx, |socket| read(socket.as_fd()))
    }

    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        Connection::poll_write_with(self, cx, |socket| write(socket.as_fd()))
    }
}

impl OnSocket for &mut TcpStream {
    fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        mut read: impl FnMut(BorrowedFd<'_>) -> io::Result<Option<usize>>,
    ) -> Poll<io::Result<Option<usize>>> {
        loop {
            ready!(self.poll_read_ready(cx))?;
            match self.try_io(Interest::READABLE, || read(self.as_fd())) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(cx))?;
            match self.try_io(Interest::WRITABLE, || write(self.as_fd())) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

#[cfg(test)]
mod tests;
