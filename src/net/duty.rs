//! When a loop that is on duty accepts the next clients, and whether that takes more or fewer workers.
//!
//! While many clients come, each of them would wake the worker, which would find only one or two. So a loop rests
//! after a batch of several, and then finds more at once. Until a batch has fewer, the reactor does not know the
//! listening socket: otherwise each client would wake the worker nevertheless. Such a client does not wait longer than
//! for the clients before it, and one that comes alone is accepted at once.

use super::alarm::Alarm;
use super::limit::{Permit, Permits};
use super::listener::Listener;
use futures::FutureExt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// After a batch of so many clients, a loop rests.
const BUSY: usize = 4;

/// How long it rests.
const REST: Duration = Duration::from_micros(100);

/// After this many consecutive batches that did not empty the backlog, another worker is called. One or two come about
/// by chance, since clients come while a batch is served.
pub(super) const MAX_FULL_BATCHES: usize = 8;

/// After more than this many consecutive batches that emptied the backlog, a worker that was called to help stops
/// accepting.
const MAX_IDLE_BATCHES: usize = 2;

/// A loop that accepts clients.
pub(super) struct Duty {
    listener: Arc<Listener>,
    next: Next,
    /// How many consecutive batches have not emptied the backlog.
    full_batches: usize,
    /// How many consecutive batches have emptied it.
    idle_batches: usize,
}

/// When to accept the next clients.
enum Next {
    /// As soon as one is waiting.
    Client(AsyncFd<Arc<Listener>>),
    /// At this time.
    At(Instant),
}

/// How a batch ended.
#[derive(Clone, Copy)]
pub(super) enum Batch {
    /// No client is waiting any more.
    Emptied,
    /// It was full before the backlog was empty.
    Full,
    /// The system can't open another connection.
    NoRoom,
}

impl Duty {
    pub(super) fn begin(listener: Arc<Listener>) -> io::Result<Self> {
        let next = Next::Client(register(&listener)?);
        Ok(Self { listener, next, full_batches: 0, idle_batches: 0 })
    }

    /// Waits until it is time for the next batch. If a client is known to be waiting, returns a permit for it. No permit
    /// is held or waited for while no client waits.
    pub(super) async fn next(
        &self,
        rests: &Alarm,
        permits: &Permits,
    ) -> io::Result<Option<Permit>> {
        match &self.next {
            Next::Client(readiness) => {
                readiness.readable().await?.retain_ready();
                Ok(Some(permits.permit().await))
            }
            Next::At(time) => {
                rests.at(*time).await;
                Ok(None)
            }
        }
    }

    /// A batch has ended, with so many clients.
    ///
    /// # Errors
    /// If the socket can't be registered with the reactor. Then the next batch is due at once.
    pub(super) fn batch_ended(&mut self, accepted: usize, batch: Batch) -> io::Result<()> {
        match batch {
            Batch::Full => (self.full_batches, self.idle_batches) = (self.full_batches + 1, 0),
            Batch::Emptied => (self.full_batches, self.idle_batches) = (0, self.idle_batches + 1),
            Batch::NoRoom => {}
        }
        match (batch, &self.next) {
            (Batch::Emptied, _) if accepted >= BUSY => self.next = Next::At(Instant::now() + REST),
            (Batch::Emptied, Next::Client(readiness)) => {
                if let Some(Ok(mut ready)) = readiness.readable().now_or_never() {
                    ready.clear_ready();
                }
            }
            (Batch::Emptied | Batch::NoRoom, Next::At(_)) => {
                self.next = Next::Client(register(&self.listener)?);
            }
            (Batch::Full, _) | (Batch::NoRoom, Next::Client(_)) => {}
        }
        Ok(())
    }

    /// Whether one worker more is needed. If so, it takes as many batches until the next one is.
    pub(super) fn needs_help(&mut self) -> bool {
        let needed = self.full_batches >= MAX_FULL_BATCHES;
        if needed {
            self.full_batches = 0;
        }
        needed
    }

    /// Whether there are more workers than necessary.
    pub(super) fn is_idle(&self) -> bool {
        self.idle_batches > MAX_IDLE_BATCHES
    }
}

/// The reactor wakes the loop at once if a client is waiting already.
fn register(listener: &Arc<Listener>) -> io::Result<AsyncFd<Arc<Listener>>> {
    // SAFETY: the Arc keeps the one descriptor of the listener open as long as the AsyncFd lives.
    Ok(unsafe { AsyncFd::register_with_interest(listener.clone(), Interest::READABLE) }?)
}

#[cfg(test)]
mod tests;
