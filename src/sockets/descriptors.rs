//! How many descriptors the process has left for connections.

use nix::sys::resource::{Resource, getrlimit};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Descriptors that are left for everything that is not a connection: rotating the log, reading a poem, looking
/// up a name.
const RESERVE: usize = 24;

/// The descriptors that the process may still open, as a budget that all its servers share.
///
/// They are counted when the first connection arrives: the limit of the process (RLIMIT_NOFILE in getrlimit(2))
/// minus those that are open by then, and minus a few in reserve. Cheap to clone; each clone is the same budget.
#[derive(Clone, Default)]
pub struct Descriptors(Arc<Budget>);

#[derive(Default)]
struct Budget {
    counted: OnceLock<Counted>,
    /// What services will open later, which is subtracted when the rest is counted.
    reserved: AtomicUsize,
}

struct Counted {
    total: usize,
    free: Arc<Semaphore>,
}

/// Some descriptors of the budget. They are free again when this is dropped.
#[derive(Debug)]
pub struct TakenDescriptors {
    _permits: OwnedSemaphorePermit,
}

/// Some descriptors that are reserved for one service, as long as this is kept.
pub struct ReservedDescriptors {
    budget: Descriptors,
    count: usize,
}

impl Drop for ReservedDescriptors {
    fn drop(&mut self) {
        self.budget.0.reserved.fetch_sub(self.count, Ordering::Relaxed);
    }
}

impl Descriptors {
    /// The budget of a process that may open as many descriptors as its limit allows.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many descriptors there are for connections, used or free; at least one.
    pub fn total(&self) -> usize {
        self.counted().total
    }

    /// Reserves `count` descriptors for one service, as long as the result is kept. Call this before the first
    /// connection arrives; later calls have no effect.
    pub fn reserve(&self, count: usize) -> ReservedDescriptors {
        self.0.reserved.fetch_add(count, Ordering::Relaxed);
        ReservedDescriptors { budget: self.clone(), count }
    }

    /// Takes `count` descriptors, if that many are free.
    ///
    /// A `count` that is larger than the whole budget takes the whole budget.
    pub fn try_take(&self, count: usize) -> Option<TakenDescriptors> {
        let counted = self.counted();
        let permits = counted.free.clone().try_acquire_many_owned(counted.permits(count)).ok()?;
        Some(TakenDescriptors { _permits: permits })
    }

    /// Takes `count` descriptors as soon as that many are free. Those who wait are served in order.
    ///
    /// A `count` that is larger than the whole budget takes the whole budget.
    pub async fn take(&self, count: usize) -> TakenDescriptors {
        let counted = self.counted();
        match counted.free.clone().acquire_many_owned(counted.permits(count)).await {
            Ok(permits) => TakenDescriptors { _permits: permits },
            Err(_) => unreachable!("the semaphore is never closed"),
        }
    }

    /// Takes one for a socket that has just been opened, if the budget has been counted already.
    pub(super) fn opened_one(&self) -> Option<TakenDescriptors> {
        self.0.counted.get()?; // if not, it will be counted with the others
        self.try_take(1)
    }

    fn counted(&self) -> &Counted {
        let count = || {
            let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let taken = open_now() + RESERVE + self.0.reserved.load(Ordering::Relaxed);
            let total = limit.saturating_sub(taken).clamp(1, MAX_PERMITS);
            Counted { total, free: Arc::new(Semaphore::new(total)) }
        };
        self.0.counted.get_or_init(count)
    }
}

/// The largest count that a semaphore supports, and that can be requested from it.
const MAX_PERMITS: usize = if Semaphore::MAX_PERMITS < u32::MAX as usize {
    Semaphore::MAX_PERMITS
} else {
    u32::MAX as usize
};

impl Counted {
    fn permits(&self, count: usize) -> u32 {
        u32::try_from(count.min(self.total)).unwrap_or(u32::MAX)
    }
}

fn open_now() -> usize {
    match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries.count() - 1, // one of them is the directory itself
        // In a chroot there may be no /proc. Few descriptors have larger numbers.
        Err(_) => (0..4096).filter(|fd| is_open(*fd)).count(),
    }
}

/// Whether this is the number of an open descriptor.
pub(crate) fn is_open(fd: RawFd) -> bool {
    flags(fd).is_some()
}

/// The descriptor's flags, which means FD_CLOEXEC. `None`: it is not open.
pub(crate) fn flags(fd: RawFd) -> Option<libc::c_int> {
    // SAFETY: asking for a descriptor's flags changes nothing, whatever the number.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    (flags >= 0).then_some(flags)
}

#[cfg(test)]
mod tests;
