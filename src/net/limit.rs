//! How many connections may be open at once.

use super::burst::Burst;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{Resource, getrlimit};
use std::sync::Arc;
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
pub struct ConnectionLimit {
    places: Arc<Semaphore>,
    max: usize,
    full: Arc<Burst>,
}

/// One open connection's place. Free again when dropped.
pub(super) type Place = OwnedSemaphorePermit;

impl ConnectionLimit {
    /// At most `max` connections.
    pub fn new(max: usize) -> Self {
        let max = max.min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(max)), max, full: Arc::default() }
    }

    /// As many connections as the process has descriptors for, beyond those that are open now and a few
    /// to spare; at least one.
    pub fn from_descriptors() -> Self {
        let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self::new(limit.saturating_sub(descriptors_in_use() + SPARE).max(1))
    }

    /// The number.
    pub fn max(&self) -> usize {
        self.max
    }

    pub(super) fn try_place(&self) -> Option<Place> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Waits for a place, saying so once per burst.
    pub(super) async fn place(&self) -> Place {
        if let Some(place) = self.try_place() {
            return place;
        }
        if self.full.event().is_some() {
            let max = self.max;
            warn!(
                max,
                "all {max} places for connections are taken; further clients wait in the backlog"
            );
        }
        match self.places.clone().acquire_owned().await {
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
