//! How long a service may take to stop.

use std::time::Duration;
use tokio::time::Instant;

/// How long after its deadline a service is waited for: the time to abandon what is left.
const TIME_TO_ABANDON: Duration = Duration::from_secs(1);

/// How long a service has for its stop whose turn comes after the deadline, because others kept it waiting.
const TIME_WHEN_LATE: Duration = Duration::from_millis(500);

/// How long after the deadline such services have, all of them together.
pub(super) const LATEST_DEADLINE: Duration = Duration::from_secs(2);

/// How long such a service is waited for after that.
const TIME_TO_ABANDON_LATE: Duration = Duration::from_millis(250);

/// When a service has to have stopped.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// What the service is told.
    pub(super) deadline: Instant,
    /// When it is not waited for any more.
    pub(super) abandon: Instant,
}

impl Limits {
    /// For a service that begins to stop now.
    pub(super) fn from_now(deadline: Instant) -> Self {
        let now = Instant::now();
        if now < deadline {
            return Self { deadline, abandon: deadline + TIME_TO_ABANDON };
        }
        let own = (now + TIME_WHEN_LATE).min(deadline + LATEST_DEADLINE);
        let abandon = (deadline + TIME_TO_ABANDON).max(own + TIME_TO_ABANDON_LATE);
        Self { deadline: own, abandon }
    }

    /// For a group that begins to stop now: it is waited for as long as the last of its services may be.
    pub(super) fn of_group(deadline: Instant) -> Self {
        let own = Self::from_now(deadline);
        let abandon = own.abandon.max(deadline + LATEST_DEADLINE + TIME_TO_ABANDON_LATE);
        Self { abandon, ..own }
    }
}
