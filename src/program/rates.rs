//! How much a service does per second, from what a daemon says at two times.

use crate::document::{ServiceStatus, Status};
use std::collections::HashMap;
use std::time::Instant;

/// The counters whose rate is shown: of a service, the first one that it has.
const COUNTERS: [&str; 2] = ["connections_opened", "datagrams_received"];

/// The rates of all services of a daemon.
#[derive(Default)]
pub(super) struct Rates {
    last: Option<Totals>,
    per_second: HashMap<String, f64>,
}

/// What the services have done until a time.
struct Totals {
    at: Instant,
    /// Which process it was, and when that was started: another one counts from 0.
    process: (u32, String),
    of: HashMap<String, u64>,
}

impl Rates {
    /// Takes a status into account that has come at that time.
    pub(super) fn update(&mut self, status: &Status, at: Instant) {
        let counted = |service: &ServiceStatus| Some((service.path.clone(), counted(service)?));
        let of = status.services.iter().filter_map(counted).collect();
        let totals = Totals { at, process: (status.pid, status.started.clone()), of };
        let last = self.last.take().filter(|last| last.process == totals.process);
        self.per_second = last.map(|last| totals.since(&last)).unwrap_or_default();
        self.last = Some(totals);
    }

    /// The rate of a service that has one, which is not known before the second status with it.
    pub(super) fn of(&self, service: &ServiceStatus) -> Option<Option<f64>> {
        counted(service).map(|_| self.per_second.get(&service.path).copied())
    }
}

impl Totals {
    fn since(&self, last: &Self) -> HashMap<String, f64> {
        let seconds = self.at.saturating_duration_since(last.at).as_secs_f64();
        let rate = |(path, total): (&String, &u64)| {
            let more = total.checked_sub(*last.of.get(path)?)?;
            Some((path.clone(), more as f64 / seconds)).filter(|(_, rate)| rate.is_finite())
        };
        self.of.iter().filter_map(rate).collect()
    }
}

fn counted(service: &ServiceStatus) -> Option<u64> {
    COUNTERS.iter().find_map(|name| total(service, name, None))
}

/// The sum of a service's counters with that name, and with that reason if one is given.
pub(super) fn total(service: &ServiceStatus, name: &str, reason: Option<&str>) -> Option<u64> {
    let has_reason = |reason| move |has: &String| has == reason;
    let counts = service.counters.iter().filter(|count| {
        count.name == name
            && reason
                .is_none_or(|reason| count.labels.get("reason").is_some_and(has_reason(reason)))
    });
    counts.map(|count| count.value).reduce(u64::saturating_add)
}

#[cfg(test)]
mod tests;
