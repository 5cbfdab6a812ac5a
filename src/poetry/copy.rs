//! Copies what each of two streams sends to the other one.

use super::buffers::{Buffer, Buffers, SMALL};
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A direction that has passed on so much lets the other tasks of its worker continue.
const MOST_AT_ONCE: u64 = 512 * 1024;

/// Copies in both directions until both streams have ended. Where one ends, the other is shut down when everything
/// has been written. Returns how many bytes went from `near` to `far` and back. The streams must have no buffers
/// that need to be flushed.
///
/// # Errors
/// The first one that reading, writing or shutting down returns. What has been read and not been written is lost
/// then.
pub(super) async fn copy_both_ways<N, F>(
    near: &mut N,
    far: &mut F,
    buffers: &Buffers,
) -> io::Result<(u64, u64)>
where
    N: AsyncRead + AsyncWrite + Unpin,
    F: AsyncRead + AsyncWrite + Unpin,
{
    let (mut up, mut down) = (Direction::new(buffers), Direction::new(buffers));
    poll_fn(|cx| {
        let up = up.poll(cx, near, far)?;
        let down = down.poll(cx, far, near)?;
        Poll::Ready(Ok((ready!(up), ready!(down))))
    })
    .await
}

/// What goes from one stream to the other.
struct Direction<'a> {
    buffers: &'a Buffers,
    /// What has been read and not been written.
    held: Option<Held<'a>>,
    state: State,
    written: u64,
}

enum State {
    Open,
    /// Nothing more can be read.
    Ended,
    /// And everything has been written, and the other stream has been shut down.
    Closed,
}

struct Held<'a> {
    buffer: Buffer<'a>,
    range: Range<usize>,
}

impl<'a> Direction<'a> {
    fn new(buffers: &'a Buffers) -> Self {
        Self { buffers, held: None, state: State::Open, written: 0 }
    }

    /// Returns how many bytes were written, when all have been.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<u64>> {
        let before = self.written;
        loop {
            if self.poll_write_held(cx, to)?.is_pending() {
                self.read_more(cx, from)?;
                return Poll::Pending;
            }
            match self.state {
                State::Open if self.written - before >= MOST_AT_ONCE => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                State::Open => {
                    let mut buffer = self.buffers.lend();
                    match ready!(poll_read(cx, from, &mut buffer))? {
                        0 => self.state = State::Ended,
                        read => self.held = Some(Held { buffer, range: 0..read }),
                    }
                }
                State::Ended => {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                    self.state = State::Closed;
                }
                State::Closed => return Poll::Ready(Ok(self.written)),
            }
        }
    }

    /// Writes all that is held, and gives the buffer back.
    fn poll_write_held(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(held) = &mut self.held {
            if held.range.is_empty() {
                self.held = None;
                break;
            }
            let written = ready!(poll_write(cx, to, &held.buffer[held.range.clone()]))?;
            held.range.start += written;
            self.written += written as u64;
        }
        Poll::Ready(Ok(()))
    }

    /// While writing has to wait: reads as much as fits behind what is held, so that a stream that fails is noticed
    /// even if the other one accepts nothing. If little is held, it moves to a small buffer before.
    fn read_more(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<()> {
        let Some(held) = &mut self.held else { return Ok(()) };
        if !matches!(self.state, State::Open) {
            return Ok(());
        }
        if held.range.len() < SMALL {
            held.move_to_small(self.buffers);
        }
        while held.range.end < held.buffer.len() {
            match poll_read(cx, from, &mut held.buffer[held.range.end..])? {
                Poll::Ready(0) => {
                    self.state = State::Ended;
                    break;
                }
                Poll::Ready(read) => held.range.end += read,
                Poll::Pending => break,
            }
        }
        Ok(())
    }
}

impl<'a> Held<'a> {
    /// Moves what is held, which must fit, to the beginning of a small buffer.
    fn move_to_small(&mut self, buffers: &'a Buffers) {
        let length = self.range.len();
        if self.buffer.len() > SMALL {
            let mut buffer = buffers.lend_small();
            buffer[..length].copy_from_slice(&self.buffer[self.range.clone()]);
            self.buffer = buffer;
        } else {
            self.buffer.copy_within(self.range.clone(), 0);
        }
        self.range = 0..length;
    }
}

fn poll_read(
    cx: &mut Context<'_>,
    from: &mut (impl AsyncRead + Unpin),
    bytes: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut read = ReadBuf::new(bytes);
    ready!(Pin::new(from).poll_read(cx, &mut read))?;
    Poll::Ready(Ok(read.filled().len()))
}

fn poll_write(
    cx: &mut Context<'_>,
    to: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(to).poll_write(cx, bytes))? {
        0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written => Poll::Ready(Ok(written)),
    }
}

#[cfg(test)]
mod tests;
