//! Copies what each of two streams sends to the other one.

use super::buffers::{Buffer, Buffers, SMALL};
use super::pipes::{Pipe, Pipes};
use super::splice::{OnSocket, check, poll_drain, poll_fill};
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A direction that has passed on so much lets the other tasks of its worker continue.
const MOST_AT_ONCE: u64 = 512 * 1024;

/// So much at once is cheaper to move through a pipe than to copy.
const MUCH: usize = 64 * 1024;

/// After so many reads in a row of much, or of less, the way changes.
const ENOUGH: u8 = 4;

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
    pipes: &Pipes,
) -> io::Result<(u64, u64)>
where
    N: OnSocket,
    F: OnSocket,
{
    let (mut up, mut down) = (Direction::new(buffers, pipes), Direction::new(buffers, pipes));
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
    pipes: &'a Pipes,
    /// Whether so much comes at once that it is not worth copying.
    is_fast: bool,
    /// How many reads in a row said that this should change.
    contrary: u8,
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

enum Held<'a> {
    Buffer(Buffer<'a>, Range<usize>),
    Pipe(Pipe),
}

impl<'a> Direction<'a> {
    fn new(buffers: &'a Buffers, pipes: &'a Pipes) -> Self {
        let state = State::Open;
        Self { buffers, pipes, is_fast: false, contrary: 0, held: None, state, written: 0 }
    }

    /// Returns how many bytes were written, when all have been.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl OnSocket,
        to: &mut impl OnSocket,
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
                State::Open => match ready!(self.poll_read(cx, from))? {
                    0 => self.state = State::Ended,
                    read => self.note_pace(read),
                },
                State::Ended => {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                    self.state = State::Closed;
                }
                State::Closed => return Poll::Ready(Ok(self.written)),
            }
        }
    }

    /// Reads into a pipe or a buffer, and holds it.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl OnSocket,
    ) -> Poll<io::Result<usize>> {
        if self.is_fast
            && let Some(mut pipe) = self.pipes.lend()
            && let Some(read) = ready!(poll_fill(cx, &mut pipe, from))?
        {
            self.held = Some(Held::Pipe(pipe));
            return Poll::Ready(Ok(read));
        }
        let mut buffer = self.buffers.lend();
        let read = ready!(poll_read(cx, from, &mut buffer))?;
        self.held = Some(Held::Buffer(buffer, 0..read));
        Poll::Ready(Ok(read))
    }

    /// Remembers how much came at once.
    fn note_pace(&mut self, read: usize) {
        self.contrary = if (read >= MUCH) == self.is_fast { 0 } else { self.contrary + 1 };
        if self.contrary == ENOUGH {
            self.contrary = 0;
            self.is_fast = !self.is_fast;
        }
    }

    /// Writes all that is held, and gives the buffer or the pipe back.
    fn poll_write_held(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut impl OnSocket,
    ) -> Poll<io::Result<()>> {
        while let Some(held) = &mut self.held {
            if held.is_empty() {
                self.held = None;
                break;
            }
            self.written += ready!(held.poll_write(cx, to))? as u64;
        }
        Poll::Ready(Ok(()))
    }

    /// While writing has to wait: reads as much as fits behind what is held, so that a stream that fails is noticed
    /// even if the other one accepts nothing. If little is held, it moves to a small buffer before.
    fn read_more(&mut self, cx: &mut Context<'_>, from: &mut impl OnSocket) -> io::Result<()> {
        if !matches!(self.state, State::Open) {
            return Ok(());
        }
        let Some(held) = &mut self.held else { return Ok(()) };
        if let Held::Buffer(buffer, range) = held
            && range.len() < SMALL
        {
            move_to_small(buffer, range, self.buffers);
        }
        let (buffer, range) = match held {
            Held::Buffer(buffer, range) => (buffer, range),
            Held::Pipe(_) => return check(cx, from),
        };
        while range.end < buffer.len() {
            match poll_read(cx, from, &mut buffer[range.end..])? {
                Poll::Ready(0) => {
                    self.state = State::Ended;
                    break;
                }
                Poll::Ready(read) => range.end += read,
                Poll::Pending => break,
            }
        }
        Ok(())
    }
}

impl Held<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Buffer(_, range) => range.is_empty(),
            Self::Pipe(pipe) => pipe.is_empty(),
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut impl OnSocket,
    ) -> Poll<io::Result<usize>> {
        let (buffer, range) = match self {
            Self::Buffer(buffer, range) => (buffer, range),
            Self::Pipe(pipe) => return poll_drain(cx, pipe, to),
        };
        let written = ready!(poll_write(cx, to, &buffer[range.clone()]))?;
        range.start += written;
        Poll::Ready(Ok(written))
    }
}

/// Moves what is held, which must fit, to the beginning of a small buffer.
fn move_to_small<'a>(buffer: &mut Buffer<'a>, range: &mut Range<usize>, buffers: &'a Buffers) {
    let length = range.len();
    if buffer.len() > SMALL {
        let mut small = buffers.lend_small();
        small[..length].copy_from_slice(&buffer[range.clone()]);
        *buffer = small;
    } else {
        buffer.copy_within(range.clone(), 0);
    }
    *range = 0..length;
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
