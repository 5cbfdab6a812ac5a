//! How many connections may be open at once.

use super::burst::Burst;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{Resource, getrlimit};
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
    /// Made when the first client comes: whatever else needs descriptors has taken them by then.
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

/// The kernel hands out the lowest free number, so a new descriptor's number is the number of those open
/// (or less, if there are gaps below).
fn descriptors_in_use() -> usize {
    let Ok(fd) = fcntl(std::io::stderr(), FcntlArg::F_DUPFD_CLOEXEC(0)) else {
        return 0;
    };
    // SAFETY: fcntl has just made this descriptor, and nobody else knows of it.
    drop(unsafe { <std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(fd) });
    usize::try_from(fd).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn what_is_open_when_the_first_client_comes_is_counted() {
        let limit = ConnectionLimit::from_descriptors();
        let open: Vec<File> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
        let (descriptors, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert!(limit.max() as u64 <= descriptors - open.len() as u64 - SPARE as u64);
    }
}
