//! When a failed service is started again, and after which delay.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// By how much each delay is longer than the one before.
const FACTOR: f32 = 2.0;

/// When a service that has ended is restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestartWhen {
    /// Never. A failure is passed on to the group that contains the service.
    #[default]
    Never,
    /// After a failure: an error or a panic.
    OnFailure,
    /// After a failure, and also after it has finished without an error.
    Always,
}

/// What happens when a service finishes or fails after it has started.
///
/// A restart stops the service and starts the same instance again: its handle stays valid, and its sockets stay
/// open, so that clients wait meanwhile. Other services are not affected. If the service is not restarted, because
/// its policy is `Never` or its limit is reached, the failure is passed on to the group that contains it, whose own
/// policy decides. A failure that no group handles ends the application. If several services of a group fail at the
/// same time, that is one failure of the group.
///
/// A policy does not cover the first start: if a service fails to start then, the start of the application, or the
/// change that added it, fails.
///
/// ```
/// use poetryd::service::Restart;
/// use std::time::Duration;
///
/// let mut restart = Restart::on_failure();
/// restart.max_delay = Duration::from_secs(5);
/// restart.limit = Some(10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restart {
    /// When the service is restarted.
    pub when: RestartWhen,
    /// The delay between the end of a failed run and the first restart: 0.1 s. Each further delay is twice as
    /// long.
    pub delay: Duration,
    /// The longest delay: 30 s.
    pub max_delay: Duration,
    /// After running for this long, a service is considered healthy, and the next delay is `delay` again: 60 s.
    pub window: Duration,
    /// How often it may be restarted within `window`. `None`: there is no limit.
    pub limit: Option<u32>,
}

impl Restart {
    /// The shortest delay before a restart: 10 ms, so that a service that fails immediately does not keep a core
    /// busy. A shorter `delay` counts as this.
    pub const SHORTEST_DELAY: Duration = Duration::from_millis(10);

    /// No restart.
    pub fn never() -> Self {
        Self {
            when: RestartWhen::Never,
            delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(30),
            window: Duration::from_secs(60),
            limit: None,
        }
    }

    /// A restart after each failure.
    pub fn on_failure() -> Self {
        Self { when: RestartWhen::OnFailure, ..Self::never() }
    }

    /// A restart after each end, with or without a failure.
    pub fn always() -> Self {
        Self { when: RestartWhen::Always, ..Self::never() }
    }

    /// The delays from one restart to the next, the shortest first. The sequence has no end.
    pub(super) fn waits(&self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.delay.max(Self::SHORTEST_DELAY))
            .with_max_delay(self.max_delay.max(Self::SHORTEST_DELAY))
            .with_factor(FACTOR)
            .without_max_times()
    }
}

impl Default for Restart {
    fn default() -> Self {
        Self::never()
    }
}

/// Decides according to its policy what happens when one service ends.
pub(super) struct Supervision(Box<(Restart, Attempts)>);

impl Supervision {
    /// `None`: the service is never restarted.
    pub(super) fn new(restart: Restart) -> Option<Self> {
        let never = restart.when == RestartWhen::Never;
        if never { None } else { Some(Self(Box::new((restart, Attempts::default())))) }
    }

    pub(super) fn policy(&self) -> &Restart {
        &self.0.0
    }

    /// The service has started.
    pub(super) fn started(&mut self) {
        self.0.1.started();
    }

    /// The service has finished or failed, or could not be restarted. Returns what follows, and how often it has
    /// failed since it was healthy.
    pub(super) fn ended(&mut self, failed: bool) -> (Verdict, u32) {
        let (restart, attempts) = &mut *self.0;
        (attempts.ended(restart, failed), attempts.failures)
    }
}

/// How often a service has been restarted recently.
#[derive(Default)]
struct Attempts {
    waits: Option<ExponentialBackoff>,
    /// The times of its restarts; at most as many as the limit.
    restarts: VecDeque<Instant>,
    running_since: Option<Instant>,
    /// Failures since it last ran for the whole window.
    failures: u32,
}

/// What follows the end of a run.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is started again after this time.
    RestartAfter(Duration),
    /// Its policy does not cover this kind of end.
    NotCovered,
    /// It has been restarted as often as its limit allows.
    LimitReached(u32),
}

impl Attempts {
    fn started(&mut self) {
        self.running_since = Some(Instant::now());
    }

    fn ended(&mut self, policy: &Restart, failed: bool) -> Verdict {
        let now = Instant::now();
        if self.running_since.take().is_some_and(|since| now - since >= policy.window) {
            *self = Self::default();
        }
        self.failures = self.failures.saturating_add(failed.into());
        match (policy.when, failed) {
            (RestartWhen::OnFailure, true) | (RestartWhen::Always, _) => {}
            _ => return Verdict::NotCovered,
        }
        if let Some(limit) = policy.limit {
            self.restarts.retain(|restart| now - *restart < policy.window);
            if self.restarts.len() >= limit as usize {
                return Verdict::LimitReached(limit);
            }
            self.restarts.push_back(now);
        }
        let waits = self.waits.get_or_insert_with(|| policy.waits().build());
        Verdict::RestartAfter(waits.next().unwrap_or(policy.max_delay))
    }
}

#[cfg(test)]
mod tests;
