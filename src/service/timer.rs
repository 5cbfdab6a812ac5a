//! A service that does the same thing at regular intervals.

use super::function::Function;
use super::{BoxError, Context, Service, ServiceFn};
use async_trait::async_trait;
use futures::FutureExt;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// A service that calls an async function at regular intervals, like Twisted's [`TimerService`].
///
/// Calls never overlap: if one takes longer than the interval, the times that pass meanwhile are skipped. If a
/// call returns an error or panics, the service has failed, and its [`Restart`](super::Restart) policy decides
/// what follows. A call that is in progress when the service stops may continue until the deadline.
///
/// ```
/// use poetryd::service::{Application, TimerService};
/// use std::time::Duration;
///
/// let mut application = Application::new("reminder");
/// let every_hour = TimerService::new(Duration::from_secs(3600), |_| async {
///     tracing::info!("an hour has passed");
///     Ok(())
/// });
/// application.add("reminder", every_hour.after_one_interval())?;
/// # Ok::<(), poetryd::service::AddError>(())
/// ```
///
/// [`TimerService`]: https://docs.twisted.org/en/stable/api/twisted.application.internet.TimerService.html
pub struct TimerService {
    interval: Duration,
    at_once: bool,
    function: Arc<Function>,
    running: Option<ServiceFn>,
}

impl TimerService {
    /// Calls `function` when the service starts, and then each time that another `interval` has passed.
    ///
    /// # Panics
    /// If the interval is zero.
    pub fn new<F, T>(interval: Duration, function: F) -> Self
    where
        F: Fn(Context) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        assert!(!interval.is_zero(), "a timer needs an interval longer than zero");
        let function = Arc::new(move |cx| function(cx).boxed());
        Self { interval, at_once: true, function, running: None }
    }

    /// Skips the call at the start: the first one is an interval later.
    pub fn after_one_interval(mut self) -> Self {
        self.at_once = false;
        self
    }
}

#[async_trait]
impl Service for TimerService {
    async fn start(&mut self, cx: &Context) -> Result<(), BoxError> {
        let (interval, at_once, function) = (self.interval, self.at_once, self.function.clone());
        let running = ServiceFn::new(move |cx| repeat(cx, interval, at_once, function.clone()));
        self.running.insert(running).start(cx).await
    }

    async fn stop(&mut self, deadline: Instant) -> Result<(), BoxError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let stopped = running.stop(deadline).await;
        self.running = None;
        stopped
    }
}

async fn repeat(
    cx: Context,
    interval: Duration,
    at_once: bool,
    function: Arc<Function>,
) -> Result<(), BoxError> {
    let now = Instant::now();
    let mut next = if at_once { Some(now) } else { now.checked_add(interval) };
    loop {
        tokio::select! {
            biased;
            () = cx.closing() => return Ok(()),
            () = until(next) => function(cx.clone()).await?,
        }
        next = next.and_then(|last| next_time(last, interval));
    }
}

/// The first time after now that is a whole number of intervals after `last`. `None`: the clock can't represent
/// it.
fn next_time(last: Instant, interval: Duration) -> Option<Instant> {
    let now = Instant::now();
    let since = (now - last).as_nanos() % interval.as_nanos();
    let since = Duration::from_nanos(u64::try_from(since).unwrap_or(u64::MAX));
    now.checked_add(interval - since)
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
