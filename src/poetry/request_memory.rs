//! Limits the memory that all requests of a service use together.

use std::io;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::sleep;

/// The unit in which memory is counted, in bytes. (A semaphore has fewer permits than a request may have bytes.)
const UNIT: usize = 1024;

/// A number of bytes. Requests take some for as long as they are in memory. If there are too few left, they wait,
/// in the order in which they arrived.
///
/// A request takes everything that it will need at one time. So a request that waits holds nothing, and one that
/// holds some waits only for its client.
pub(super) struct RequestMemory {
    free: Semaphore,
    bytes: usize,
    /// The number of waiting requests.
    waiting: watch::Sender<usize>,
}

/// The memory of one request. It is released when dropped.
pub(super) type Share<'a> = SemaphorePermit<'a>;

impl RequestMemory {
    pub(super) fn new(bytes: usize) -> Self {
        let free = Semaphore::new(units(bytes) as usize);
        Self { free, bytes, waiting: watch::Sender::new(0) }
    }

    /// How much there is in total.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes some, if there is enough and nobody is waiting.
    pub(super) fn try_take(&self, bytes: usize) -> Option<Share<'_>> {
        self.free.try_acquire_many(units(bytes)).ok()
    }

    /// Waits for some. This must not be more than there is in total.
    pub(super) async fn take(&self, bytes: usize) -> io::Result<Share<'_>> {
        let _waiting = Waiting::new(&self.waiting);
        self.free.acquire_many(units(bytes)).await.map_err(io::Error::other)
    }

    /// Waits for this time, and then until somebody waits for memory.
    pub(super) async fn wanted_after(&self, time: Duration) {
        sleep(time).await;
        // Its sender lives as long as this.
        let _ = self.waiting.subscribe().wait_for(|waiting| *waiting > 0).await;
    }
}

/// Rounded up.
fn units(bytes: usize) -> u32 {
    let units = bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// One waiting request.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|waiting| *waiting += 1);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}

#[cfg(test)]
mod tests;
