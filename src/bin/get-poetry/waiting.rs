//! The ways of waiting for many poems at the same time.

use crate::request::{Failure, Outcome, Request};
use futures::stream::{FuturesUnordered, StreamExt};
use poetryd::poetry::fetch::Address;
use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep};

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

/// How to wait: until when, and in which order outcomes are delivered.
pub struct Terms {
    pub enough: Enough,
    /// Whether outcomes are delivered as they arrive, instead of in the order of the requests.
    pub unordered: bool,
    /// Whether nothing is delivered before the end.
    pub collect: bool,
    /// When to stop waiting, whatever has arrived.
    pub max_time: Option<Duration>,
}

/// Why the waiting ended.
#[derive(PartialEq, Eq)]
pub enum End {
    Enough,
    OutOfTime,
}

/// Runs all requests at the same time until there is enough or the time is up, and then abandons the rest. Every
/// outcome is delivered. `deliver` returns whether the poem counts as fetched.
///
/// # Errors
/// The first error of `deliver`, immediately.
pub async fn wait<'a>(
    requests: impl Iterator<Item = Request<'a>>,
    terms: &Terms,
    mut deliver: impl FnMut(Outcome) -> io::Result<bool>,
) -> io::Result<End> {
    let start = Instant::now();
    let mut time_is_up = pin!(after(terms.max_time));
    let mut queue = Queue::new(terms);
    let mut running = FuturesUnordered::new();
    for (index, request) in requests.enumerate() {
        queue.due.insert(index, Due::Running(request.address.clone()));
        running.push(request.run(index));
    }

    let (mut satisfied, mut end) = (false, End::Enough);
    while !satisfied {
        let outcome = tokio::select! {
            biased;
            outcome = running.next() => outcome,
            () = &mut time_is_up => {
                end = End::OutOfTime;
                break;
            }
        };
        let Some(outcome) = outcome else { break };
        satisfied = terms.enough == Enough::FirstFailure && outcome.poem.is_err();
        for outcome in queue.arrived(outcome) {
            satisfied |= terms.enough.is_reached(deliver(outcome)?);
        }
    }

    drop(running);
    for outcome in queue.rest(start.elapsed()) {
        deliver(outcome)?;
    }
    Ok(end)
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => pending().await,
    }
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

/// What has not been delivered yet.
struct Queue {
    /// By the index of its request.
    due: BTreeMap<usize, Due>,
    /// The requests whose outcomes have to be delivered before all others, in this order.
    first: Vec<Outcome>,
    unordered: bool,
    collect: bool,
}

enum Due {
    Running(Address),
    Arrived(Outcome),
}

impl Queue {
    fn new(terms: &Terms) -> Self {
        let Terms { unordered, collect, .. } = *terms;
        Self { due: BTreeMap::new(), first: Vec::new(), unordered, collect }
    }

    /// Adds an outcome, and returns those that can be delivered now.
    fn arrived(&mut self, outcome: Outcome) -> Vec<Outcome> {
        if self.unordered {
            self.due.remove(&outcome.index);
            self.first.push(outcome);
        } else {
            self.due.insert(outcome.index, Due::Arrived(outcome));
        }
        if self.collect {
            return Vec::new();
        }
        while let Some((index, due)) = self.due.pop_first() {
            match due {
                Due::Arrived(outcome) => self.first.push(outcome),
                Due::Running(_) => {
                    self.due.insert(index, due);
                    break;
                }
            }
        }
        std::mem::take(&mut self.first)
    }

    /// All the others. Those that are still running have taken `duration` without success.
    fn rest(self, duration: Duration) -> impl Iterator<Item = Outcome> {
        let due = self.due.into_iter().map(move |(index, due)| match due {
            Due::Arrived(outcome) => outcome,
            Due::Running(address) => {
                let poem = Err(Failure::Abandoned(address.clone()));
                Outcome { index, address, duration, poem }
            }
        });
        self.first.into_iter().chain(due)
    }
}
