//! Limits how often each source of datagrams is answered.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How many sources are remembered at the same time, in less than 3 MB.
const MAX_SOURCES: usize = 32_768;

/// The longest time that a source is remembered after its last answer, and how much of its allowance it can save
/// up: one second's worth.
const SECOND: Duration = Duration::from_secs(1);

/// The shortest time between two searches of a full table for sources to forget.
const SEARCH_EVERY: Duration = Duration::from_millis(100);

/// A bucket of tokens for each source: a source gets a number of answers at once, and then that many per second.
///
/// A source is an IPv4 address or a /64 network of IPv6, since that is what one user gets. A source that has its
/// whole allowance again is forgotten when the space is needed, since it is like a new one. There is space for
/// [`MAX_SOURCES`] and no more: a flood of forged sources makes new ones wait, but uses no more memory.
pub(super) struct RateLimit {
    /// The time after which a source may get another answer.
    interval: Duration,
    most: usize,
    /// When each source will have its whole allowance again.
    sources: HashMap<IpAddr, Instant>,
    searched: Option<Instant>,
}

/// Whether a source is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Answer,
    /// It has used up its allowance.
    TooOften,
    /// It is new, and there is no space to remember it.
    TooMany,
}

impl RateLimit {
    /// This many answers per second, at least one.
    pub(super) fn new(per_second: u32) -> Self {
        let (sources, searched) = Default::default();
        Self { interval: SECOND / per_second.max(1), most: MAX_SOURCES, sources, searched }
    }

    /// Decides about a request that came from `address` at `now`.
    pub(super) fn ask(&mut self, address: IpAddr, now: Instant) -> Verdict {
        let source = source_of(address);
        let known = self.sources.get(&source).copied();
        if known.is_none() && !self.has_room(now) {
            return Verdict::TooMany;
        }
        let whole = known.map_or(now, |whole| whole.max(now)) + self.interval;
        if whole > now + SECOND {
            return Verdict::TooOften;
        }
        self.sources.insert(source, whole);
        Verdict::Answer
    }

    fn has_room(&mut self, now: Instant) -> bool {
        let recently = |searched: Instant| now.duration_since(searched) < SEARCH_EVERY;
        if self.sources.len() >= self.most && !self.searched.is_some_and(recently) {
            self.searched = Some(now);
            self.sources.retain(|_, whole| *whole > now);
        }
        self.sources.len() < self.most
    }
}

/// An IPv4 address, including one from a socket for both families; or an IPv6 address without its last 64 bits.
fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX)).into(),
        four => four,
    }
}

#[cfg(test)]
mod tests;
