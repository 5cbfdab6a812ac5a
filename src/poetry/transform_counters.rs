//! The counters of a transform service.

use super::transforms::TRANSFORMS;
use crate::service::{Counter, Counters, Sample};

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not a netstring, or there is no dot in it.
    Malformed,
    /// It is longer than `max-length`, or than `request-memory`.
    TooLong,
    /// There is no transform with that name.
    Unknown,
    /// The client closed its side before all of it had arrived.
    Incomplete,
    /// The client sent nothing for `read-timeout`.
    Late,
}

impl Refusal {
    /// In the order of their counters.
    const ALL: [(Refusal, &'static str); 5] = [
        (Refusal::Malformed, "malformed"),
        (Refusal::TooLong, "too_long"),
        (Refusal::Unknown, "unknown"),
        (Refusal::Incomplete, "incomplete"),
        (Refusal::Late, "late"),
    ];
}

/// What is counted of requests: each is answered with a transform or refused, unless its connection fails before.
/// A name that a client has made up is never a label, or clients could fill the memory.
pub(super) struct TransformCounters {
    requests: Vec<(&'static str, Counter)>,
    refused: [Counter; Refusal::ALL.len()],
    memory_waits: Counter,
}

impl TransformCounters {
    pub(super) fn new() -> Self {
        let requests = TRANSFORMS.iter().map(|(name, ..)| (*name, Counter::default())).collect();
        Self { requests, refused: Default::default(), memory_waits: Counter::default() }
    }

    /// Counts a request for the transform with this name.
    pub(super) fn transforms(&self, name: &str) {
        if let Some((_, counter)) = self.requests.iter().find(|(known, _)| *known == name) {
            counter.add(1);
        }
    }

    pub(super) fn refuses(&self, why: Refusal) {
        self.refused[why as usize].add(1);
    }

    pub(super) fn waits_for_memory(&self) {
        self.memory_waits.add(1);
    }
}

impl Counters for TransformCounters {
    fn read(&self) -> Vec<Sample> {
        let requests = self.requests.iter().map(|(name, counter)| {
            let help = "Requests for each transform.";
            Sample::counter("transform_requests", help, counter.get()).label("transform", *name)
        });
        let refused = Refusal::ALL.map(|(why, reason)| {
            let help = "Requests that were refused, by reason.";
            let refused = self.refused[why as usize].get();
            Sample::counter("transform_requests_refused", help, refused).label("reason", reason)
        });
        let help = "Requests that waited until others had returned their memory.";
        let waits = Sample::counter("transform_memory_waits", help, self.memory_waits.get());
        requests.chain(refused).chain([waits]).collect()
    }

    fn version(&self) -> Option<u64> {
        let requests = self.requests.iter().map(|(_, counter)| counter);
        let all = requests.chain(&self.refused).chain([&self.memory_waits]);
        Some(all.fold(0, |sum, counter| sum.wrapping_add(counter.get())))
    }
}
