//! One log line per burst of the same problem.

use crate::sync::Mutex;
use std::time::{Duration, Instant};

/// A problem that occurs again within this time belongs to the same burst.
const BURST_GAP: Duration = Duration::from_secs(10);

/// A burst that continues is logged again at this interval.
const BURST_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Decides which of many equal events are logged.
#[derive(Default)]
pub(super) struct Burst(Mutex<Option<State>>);

struct State {
    said: Instant,
    last: Instant,
    since: u64,
}

impl Burst {
    /// Counts an event. `Some(n)`: log it now; `n` earlier ones have not been logged.
    pub(super) fn event(&self) -> Option<u64> {
        self.event_at(Instant::now())
    }

    fn event_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock();
        let unmentioned = match &mut *state {
            Some(burst)
                if now - burst.last < BURST_GAP && now - burst.said < BURST_LOG_INTERVAL =>
            {
                burst.last = now;
                burst.since += 1;
                return None;
            }
            Some(burst) => burst.since,
            None => 0,
        };
        *state = Some(State { said: now, last: now, since: 0 });
        Some(unmentioned)
    }
}

#[cfg(test)]
mod tests;
