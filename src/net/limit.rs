//! How many connections a service has at once.

use super::burst::Burst;
use crate::sockets::{Descriptors, ReservedDescriptors, TakenDescriptors};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

/// The connections that one service may have at the same time, those being closed included. Clients beyond
/// wait in the kernel's queue of the listening socket (the backlog) until a place is free.
///
/// A place takes as many of the process's descriptors as a connection of the service will need, and one of the
/// service's own places, if it has a limit of its own. One place is always the service's: it may be what those
/// wait for who have taken all descriptors, when a service forwards its clients to another one of the process.
pub(super) struct Places {
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

/// One open connection's place. Free again when dropped.
pub(super) struct Place {
    _own: Option<OwnedSemaphorePermit>,
    _descriptors: Taken,
}

/// What a place has taken.
enum Taken {
    Guaranteed { _permit: OwnedSemaphorePermit },
    Shared { _descriptors: TakenDescriptors },
}

impl Places {
    /// Places for connections that take `each` descriptors of the process's; at most `max`, if that is given.
    pub(super) fn new(max: Option<usize>, descriptors: Descriptors, each: usize) -> Self {
        let own = max.map(|max| {
            let max = max.min(Semaphore::MAX_PERMITS);
            Own { max, free: Arc::new(Semaphore::new(max)) }
        });
        let each = each.max(1);
        let (guaranteed, reserved) = (Arc::new(Semaphore::new(1)), descriptors.reserve(each));
        Self { own, guaranteed, _reserved: reserved, descriptors, each, full: Burst::default() }
    }

    pub(super) fn try_place(&self) -> Option<Place> {
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
        Some(Place { _own: own, _descriptors: descriptors })
    }

    /// Waits for a place, saying so once per burst.
    pub(super) async fn place(&self) -> Place {
        if let Some(place) = self.try_place() {
            return place;
        }
        if self.full.event().is_some() {
            let max = self.max();
            warn!(
                max,
                "all {max} places for connections are taken; further clients wait in the backlog"
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
        Place { _own: own, _descriptors: descriptors }
    }

    /// How many places there are.
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
mod tests {
    use super::*;

    #[test]
    fn a_service_has_no_more_places_than_it_may() {
        let places = Places::new(Some(2), Descriptors::new(), 1);
        let taken = [places.try_place().unwrap(), places.try_place().unwrap()];
        assert!(places.try_place().is_none());
        drop(taken);
        assert!(places.try_place().is_some());
    }

    #[test]
    fn services_share_the_descriptors_of_the_process() {
        let descriptors = Descriptors::new();
        let (one, other) =
            (Places::new(None, descriptors.clone(), 2), Places::new(None, descriptors.clone(), 1));
        let total = descriptors.total();
        let taken: Vec<Place> = std::iter::from_fn(|| one.try_place()).collect();
        assert_eq!((taken.len(), one.max()), (total / 2 + 1, total / 2 + 1));
        let rest: Vec<Place> = std::iter::from_fn(|| other.try_place()).collect();
        assert_eq!(rest.len(), total % 2 + 1, "one place is always its own");
    }
}
