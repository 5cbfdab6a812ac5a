//! How many connections may be open at once.

use super::burst::Burst;
use nix::sys::resource::{Resource, getrlimit};
use std::os::fd::RawFd;
use std::sync::{Arc, LazyLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

/// Descriptors that are left for everything that is not a connection: a log that is rotated, a poem that
/// is read, a worker that is started.
const SPARE: usize = 16;

/// A number of connections that are open at the same time, those being closed included. Clients beyond it
/// wait in the kernel's queue of the listening socket (the backlog) until a place is free.
///
/// The process has one, lent to services as a resource; a service may have one of its own instead.
#[derive(Clone)]
pub struct ConnectionLimit(Arc<Limit>);

struct Limit {
    /// Made when the first client comes: the services have opened by then what they need.
    places: LazyLock<Places, Box<dyn FnOnce() -> Places + Send>>,
    full: Burst,
}

struct Places {
    max: usize,
    free: Arc<Semaphore>,
}

/// One open connection's place. Free again when dropped.
pub(super) type Place = OwnedSemaphorePermit;

impl ConnectionLimit {
    /// At most `max` connections.
    pub fn new(max: usize) -> Self {
        Self::counted(move || max)
    }

    /// As many connections as the process has descriptors for, beyond those that are open when the first
    /// client comes and a few to spare; at least one.
    pub fn from_descriptors() -> Self {
        Self::counted(|| {
            let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            limit.saturating_sub(descriptors_in_use() + SPARE).max(1)
        })
    }

    fn counted(max: impl FnOnce() -> usize + Send + 'static) -> Self {
        let places = || {
            let max = max().min(Semaphore::MAX_PERMITS);
            Places { max, free: Arc::new(Semaphore::new(max)) }
        };
        let places = LazyLock::new(Box::new(places) as Box<dyn FnOnce() -> Places + Send>);
        Self(Arc::new(Limit { places, full: Burst::default() }))
    }

    /// The number.
    pub fn max(&self) -> usize {
        self.0.places.max
    }

    pub(super) fn try_place(&self) -> Option<Place> {
        self.0.places.free.clone().try_acquire_owned().ok()
    }

    /// Waits for a place, saying so once per burst.
    pub(super) async fn place(&self) -> Place {
        if let Some(place) = self.try_place() {
            return place;
        }
        if self.0.full.event().is_some() {
            let max = self.max();
            warn!(
                max,
                "all {max} places for connections are taken; further clients wait in the backlog"
            );
        }
        match self.0.places.free.clone().acquire_owned().await {
            Ok(place) => place,
            Err(_) => unreachable!("the semaphore is never closed"),
        }
    }
}

fn descriptors_in_use() -> usize {
    match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries.count() - 1, // one is that of the directory itself
        // A chroot may have no /proc. Few descriptors have numbers beyond these.
        Err(_) => (0..4096).filter(|fd| is_open(*fd)).count(),
    }
}

fn is_open(fd: RawFd) -> bool {
    // SAFETY: asking for a descriptor's flags changes nothing, whatever the number.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn places_are_counted_when_the_first_client_comes() {
        static FREE: AtomicUsize = AtomicUsize::new(1);
        let limit = ConnectionLimit::counted(|| FREE.load(Ordering::Relaxed));
        FREE.store(3, Ordering::Relaxed);
        let place = limit.try_place();
        FREE.store(5, Ordering::Relaxed);
        assert_eq!((place.is_some(), limit.max()), (true, 3));
    }

    #[test]
    fn descriptors_are_counted_whatever_gaps_there_are_below() {
        let mut open: Vec<File> = (0..200).map(|_| File::open("/dev/null").unwrap()).collect();
        open.drain(..100);
        assert!(descriptors_in_use() >= open.len());
        assert!(open.iter().all(|file| is_open(file.as_raw_fd())) && !is_open(RawFd::MAX));
    }
}
