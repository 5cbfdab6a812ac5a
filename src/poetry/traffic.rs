//! The traffic between two streams, and how long there has been none.

use std::io;
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

    pub(super) fn watch<S>(&self, stream: S) -> Watched<'_, S> {
        Watched { stream, traffic: self }
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
        match buffer.filled().len() - before {
            0 => self.traffic.ended.store(true, Ordering::Relaxed),
            read => {
                self.traffic.held.fetch_add(read, Ordering::Relaxed);
                self.traffic.passes();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.traffic.held.fetch_sub(written, Ordering::Relaxed);
        self.traffic.passes();
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
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy_bidirectional, duplex};
    use tokio::time::{sleep, timeout};

    /// How long it takes, in whole seconds, until 10 seconds have been quiet, if they ever are; once any
    /// passing counts, and once only if nothing is expected any more. What passes is what `ends` do.
    async fn quiet_after(ends: impl AsyncFn(DuplexStream, DuplexStream)) -> [Option<u64>; 2] {
        let (traffic, start) = (Traffic::new(), Instant::now());
        let ((one, left), (other, right)) = (duplex(100), duplex(100));
        let (mut one, mut other) = (traffic.watch(one), traffic.watch(other));
        let time = Duration::from_secs(10);
        let passing = async {
            tokio::join!(copy_bidirectional(&mut one, &mut other), ends(left, right)).0.unwrap();
            pending().await
        };
        let quiet = async {
            let day = Duration::from_secs(24 * 60 * 60);
            let quiet = timeout(day, traffic.none_for(time)).await;
            let first = quiet.ok().map(|()| start.elapsed().as_secs());
            let quiet = timeout(day, traffic.none_expected_for(time)).await;
            [first, quiet.ok().map(|()| start.elapsed().as_secs())]
        };
        tokio::select! {
            quiet = quiet => quiet,
            () = passing => unreachable!(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_passes_in_either_way_starts_the_time_anew() {
        let both_speak = async |mut left: DuplexStream, mut right: DuplexStream| {
            for _ in 0..5 {
                sleep(Duration::from_secs(9)).await;
                left.write_u8(0).await.unwrap();
                sleep(Duration::from_secs(9)).await;
                right.write_u8(0).await.unwrap();
            }
            pending().await
        };
        assert_eq!(quiet_after(both_speak).await, [Some(100); 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_and_not_written_yet_is_expected() {
        let right_reads_late = async |mut left: DuplexStream, mut right: DuplexStream| {
            left.write_all(&[0; 150]).await.unwrap(); // 50 of them don't fit
            sleep(Duration::from_secs(55)).await;
            right.read_exact(&mut [0; 150]).await.unwrap();
            pending().await
        };
        assert_eq!(quiet_after(right_reads_late).await, [Some(10), Some(65)]);
    }

    #[tokio::test(start_paused = true)]
    async fn behind_the_end_of_one_side_the_other_is_expected_to_answer() {
        let left_ends = async |left: DuplexStream, right: DuplexStream| {
            drop(left);
            let _right = right;
            pending().await
        };
        assert_eq!(quiet_after(left_ends).await, [Some(10), None]);
    }
}
