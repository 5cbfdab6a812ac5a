//! The traffic between two streams, and how long there has been none.

use super::splice::OnSocket;
use crate::service::Counter;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

/// The traffic between two [`Watched`] streams that belong together.
pub(super) struct Traffic {
    start: Instant,
    /// When something was last read or written, in milliseconds since the start.
    last: AtomicU64,
    /// How many bytes have been read from one stream and not yet been written to the other.
    held: AtomicUsize,
    /// Whether one of the streams has come to its end.
    ended: AtomicBool,
}

/// One of two streams with traffic between them.
pub(super) struct Watched<'a, S> {
    stream: S,
    traffic: &'a Traffic,
    /// Counts the bytes that are written to the stream.
    written: &'a Counter,
}

impl Traffic {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
            held: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        }
    }

    pub(super) fn watch<'a, S>(&'a self, stream: S, written: &'a Counter) -> Watched<'a, S> {
        Watched { stream, traffic: self, written }
    }

    /// Waits until there has been no traffic for this time.
    pub(super) async fn none_for(&self, time: Duration) {
        loop {
            let due = self.last() + time;
            if due <= Instant::now() {
                return;
            }
            sleep_until(due).await;
        }
    }

    /// Waits until there has been no traffic for this time and none is expected: everything that was read has
    /// been written, and neither stream has come to its end, after which the other may take its time to answer.
    pub(super) async fn none_expected_for(&self, time: Duration) {
        loop {
            self.none_for(time).await;
            let held = self.held.load(Ordering::Relaxed);
            if held == 0 && !self.ended.load(Ordering::Relaxed) {
                return;
            }
            sleep_until(Instant::now() + time).await;
        }
    }

    fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// Something has been read, or the end.
    fn read(&self, read: usize) {
        match read {
            0 => self.ended.store(true, Ordering::Relaxed),
            read => {
                self.held.fetch_add(read, Ordering::Relaxed);
                self.passes();
            }
        }
    }

    fn passes(&self) {
        let now = self.start.elapsed().as_millis();
        self.last.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.traffic.read(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S> Watched<'_, S> {
    fn wrote(&self, written: usize) {
        self.written.add(written as u64);
        self.traffic.held.fetch_sub(written, Ordering::Relaxed);
        self.traffic.passes();
    }
}

impl<S: OnSocket> OnSocket for Watched<'_, S> {
    fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnMut(BorrowedFd<'_>) -> io::Result<Option<usize>>,
    ) -> Poll<io::Result<Option<usize>>> {
        let read = ready!(self.stream.poll_read_with(cx, read))?;
        if let Some(read) = read {
            self.traffic.read(read);
        }
        Poll::Ready(Ok(read))
    }

    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.stream.poll_write_with(cx, write))?;
        self.wrote(written);
        Poll::Ready(Ok(written))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
