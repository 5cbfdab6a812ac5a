//! The ways of waiting for many poems at once.

use crate::request::{Failure, Outcome, Request};
use futures::stream::{FuturesUnordered, StreamExt};
use poetryd::poetry::fetch::Address;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::time::Instant;

/// When to stop waiting.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Enough {
    /// When all have succeeded or failed.
    All,
    /// When one has succeeded.
    FirstPoem,
    /// When one has failed.
    FirstFailure,
}

/// Runs all requests at once until there is enough, and then abandons the rest. Every outcome is delivered:
/// in the order of the requests, or in the order of arrival where that is asked for and for a first poem.
/// `deliver` returns whether the poem has come after all.
///
/// # Errors
/// The first error of `deliver`, at once.
pub async fn wait<'a>(
    requests: impl Iterator<Item = Request<'a>>,
    enough: Enough,
    unordered: bool,
    mut deliver: impl FnMut(Outcome) -> io::Result<bool>,
) -> io::Result<()> {
    let start = Instant::now();
    let mut queue =
        Queue { due: BTreeMap::new(), as_they_arrive: unordered || enough == Enough::FirstPoem };
    let mut running = FuturesUnordered::new();
    for (index, request) in requests.enumerate() {
        queue.due.insert(index, Due::Running(request.address.clone()));
        running.push(request.run(index));
    }

    let mut satisfied = false;
    while !satisfied && let Some(outcome) = running.next().await {
        satisfied = enough == Enough::FirstFailure && outcome.poem.is_err();
        for outcome in queue.arrived(outcome) {
            satisfied |= enough.is_reached(deliver(outcome)?);
        }
    }

    drop(running);
    for outcome in queue.rest(start.elapsed()) {
        deliver(outcome)?;
    }
    Ok(())
}

impl Enough {
    fn is_reached(self, came: bool) -> bool {
        match self {
            Enough::All => false,
            Enough::FirstPoem => came,
            Enough::FirstFailure => !came,
        }
    }
}

/// What has not been delivered, by the number of its request.
struct Queue {
    due: BTreeMap<usize, Due>,
    as_they_arrive: bool,
}

enum Due {
    Running(Address),
    Arrived(Outcome),
}

impl Queue {
    /// Takes an outcome, and returns those whose turn it is now.
    fn arrived(&mut self, outcome: Outcome) -> Vec<Outcome> {
        if self.as_they_arrive {
            self.due.remove(&outcome.index);
            return vec![outcome];
        }
        self.due.insert(outcome.index, Due::Arrived(outcome));
        let mut turn = Vec::new();
        while let Some((index, due)) = self.due.pop_first() {
            match due {
                Due::Arrived(outcome) => turn.push(outcome),
                Due::Running(_) => {
                    self.due.insert(index, due);
                    break;
                }
            }
        }
        turn
    }

    /// All the others; what is running still has taken `duration` in vain.
    fn rest(self, duration: Duration) -> impl Iterator<Item = Outcome> {
        self.due.into_iter().map(move |(index, due)| match due {
            Due::Arrived(outcome) => outcome,
            Due::Running(address) => {
                let poem = Err(Failure::Abandoned(address.clone()));
                Outcome { index, address, duration, poem }
            }
        })
    }
}
