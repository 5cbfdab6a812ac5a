//! Limits how many connections a service has at the same time.

use super::burst::Burst;
use crate::sockets::{Descriptors, ReservedDescriptors, TakenDescriptors};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

/// The connections that one service may have at the same time, including those being closed. Further clients wait
/// in the kernel's queue of the listening socket (the backlog) until there is a permit.
///
/// A permit takes as many of the process's descriptors as a connection of the service will need, and counts
/// towards the service's own limit, if it has one. One permit is always reserved for the service: clients that
/// have taken all descriptors may be waiting for it, if a service forwards its clients to another one of the
/// process.
pub(super) struct Permits {
    own: Option<Own>,
    guaranteed: Arc<Semaphore>,
    _reserved: ReservedDescriptors,
    descriptors: Descriptors,
    /// How many descriptors a connection takes.
    each: usize,
    full: Burst,
}

struct Own {
    max: usize,
    free: Arc<Semaphore>,
}

/// Permission for one open connection. It is released when dropped.
pub(super) struct Permit {
    _own: Option<OwnedSemaphorePermit>,
    _descriptors: Taken,
}

/// What a permit has taken.
enum Taken {
    Guaranteed { _permit: OwnedSemaphorePermit },
    Shared { _descriptors: TakenDescriptors },
}

impl Permits {
    /// Permits for connections that take `each` of the process's descriptors; at most `max` of them, if that is
    /// set.
    pub(super) fn new(max: Option<usize>, descriptors: Descriptors, each: usize) -> Self {
        let own = max.map(|max| {
            let max = max.min(Semaphore::MAX_PERMITS);
            Own { max, free: Arc::new(Semaphore::new(max)) }
        });
        let each = each.max(1);
        let (guaranteed, reserved) = (Arc::new(Semaphore::new(1)), descriptors.reserve(each));
        Self { own, guaranteed, _reserved: reserved, descriptors, each, full: Burst::default() }
    }

    pub(super) fn try_permit(&self) -> Option<Permit> {
        let own = match &self.own {
            Some(own) => Some(own.free.clone().try_acquire_owned().ok()?),
            None => None,
        };
        let descriptors = match self.descriptors.try_take(self.each) {
            Some(descriptors) => Taken::Shared { _descriptors: descriptors },
            None => {
                Taken::Guaranteed { _permit: self.guaranteed.clone().try_acquire_owned().ok()? }
            }
        };
        Some(Permit { _own: own, _descriptors: descriptors })
    }

    /// Waits for a permit, and logs that it has to wait once per burst.
    pub(super) async fn permit(&self) -> Permit {
        if let Some(permit) = self.try_permit() {
            return permit;
        }
        if self.full.event().is_some() {
            let max = self.max();
            warn!(
                max,
                "the connection limit ({max}) is reached; further clients wait in the backlog"
            );
        }
        let own = match &self.own {
            Some(own) => Some(acquire(&own.free).await),
            None => None,
        };
        let descriptors = tokio::select! {
            biased;
            permit = acquire(&self.guaranteed) => Taken::Guaranteed { _permit: permit },
            taken = self.descriptors.take(self.each) => Taken::Shared { _descriptors: taken },
        };
        Permit { _own: own, _descriptors: descriptors }
    }

    /// The number of permits.
    fn max(&self) -> usize {
        let by_descriptors = self.descriptors.total() / self.each + 1;
        self.own.as_ref().map_or(by_descriptors, |own| own.max.min(by_descriptors))
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    match semaphore.clone().acquire_owned().await {
        Ok(permit) => permit,
        Err(_) => unreachable!("the semaphore is never closed"),
    }
}

#[cfg(test)]
mod tests;
