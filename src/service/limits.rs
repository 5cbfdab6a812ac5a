//! How long a service may take to stop.

use std::time::Duration;
use tokio::time::Instant;

/// How long after its deadline a service is waited for: the time to abandon what is left.
const TIME_TO_ABANDON: Duration = Duration::from_secs(1);

/// How long a service may take to stop if its turn comes after the deadline, because others have kept it waiting.
const TIME_WHEN_LATE: Duration = Duration::from_millis(500);

/// How long after the deadline such services may take, all of them together.
pub(super) const LATEST_DEADLINE: Duration = Duration::from_secs(2);

/// How long such a service is waited for after that.
const TIME_TO_ABANDON_LATE: Duration = Duration::from_millis(250);

/// When a service has to have stopped.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// The deadline that the service is given.
    pub(super) deadline: Instant,
    /// When to stop waiting for it.
    pub(super) abandon: Instant,
}

impl Limits {
    /// The times for a service that begins to stop now.
    pub(super) fn from_now(deadline: Instant) -> Self {
        let now = Instant::now();
        if now < deadline {
            return Self { deadline, abandon: deadline + TIME_TO_ABANDON };
        }
        let own = (now + TIME_WHEN_LATE).min(deadline + LATEST_DEADLINE);
        let abandon = (deadline + TIME_TO_ABANDON).max(own + TIME_TO_ABANDON_LATE);
        Self { deadline: own, abandon }
    }

    /// The times for a group that begins to stop now: it is waited for as long as the last of its services may
    /// take.
    pub(super) fn of_group(deadline: Instant) -> Self {
        let own = Self::from_now(deadline);
        let abandon = own.abandon.max(deadline + LATEST_DEADLINE + TIME_TO_ABANDON_LATE);
        Self { abandon, ..own }
    }
}
