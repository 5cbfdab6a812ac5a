//! A timer for something that has to be done every few milliseconds.
//!
//! While one of Tokio's timers is running, the worker reads the clock and has the kernel set and remove a timer
//! each time that it waits for clients. This timer is set once, for all waits before it expires. With Tokio's
//! timers, a poem would take 7% more of the server's CPU time.

use crate::service::Workers;
use crate::sync::Mutex;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

/// Wakes all who wait for it, at the earliest time that one of them has asked for.
pub(super) struct Alarm {
    timer: AsyncFd<Timer>,
    /// The time that it is set to.
    set_to: Mutex<Option<Instant>>,
    gone_off: Notify,
}

struct Timer(TimerFd);

/// The alarms that all on one worker share. There are two, so that the next rest does not set back the timer of the
/// sweeps and the other way round, which would be two system calls for each rest.
#[derive(Clone)]
pub(super) struct Alarms {
    pub(super) sweeps: Arc<Alarm>,
    pub(super) rests: Arc<Alarm>,
}

/// The alarms of the workers, by the worker's number. Each lives as long as a task in its runtime does.
#[derive(Default)]
struct OfWorkers(Mutex<HashMap<usize, [Weak<Alarm>; 2]>>);

impl Alarms {
    /// Those of worker number `worker`.
    pub(super) fn of(workers: &Workers, worker: usize) -> io::Result<Self> {
        let all = workers.shared::<OfWorkers>();
        let mut all = all.0.lock();
        if let Some([Some(sweeps), Some(rests)]) =
            all.get(&worker).map(|two| two.each_ref().map(Weak::upgrade))
        {
            return Ok(Self { sweeps, rests });
        }
        let runtime = workers.handle(worker);
        let _entered = runtime.enter();
        let [sweeps, rests] = [Alarm::new()?, Alarm::new()?].map(Arc::new);
        for alarm in [&sweeps, &rests] {
            runtime.spawn(ring(alarm.clone()));
        }
        all.insert(worker, [&sweeps, &rests].map(Arc::downgrade));
        Ok(Self { sweeps, rests })
    }
}

impl Alarm {
    fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = Timer(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?);
        // SAFETY: the AsyncFd owns the timer, whose descriptor neither changes nor closes before it is dropped.
        let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }?;
        Ok(Self { timer, set_to: Mutex::new(None), gone_off: Notify::new() })
    }

    /// Waits until `time`.
    pub(super) async fn at(&self, time: Instant) {
        loop {
            let gone_off = self.gone_off.notified();
            let now = Instant::now();
            if now >= time {
                return;
            }
            self.set(time, now);
            gone_off.await;
        }
    }

    fn set(&self, time: Instant, now: Instant) {
        let mut set_to = self.set_to.lock();
        if set_to.is_none_or(|earlier| time < earlier) {
            *set_to = Some(time);
            // Zero would switch it off.
            let wait = TimeSpec::from_duration((time - now).max(Duration::from_nanos(1)));
            // This fails only for a time that is not valid.
            let _ =
                self.timer.get_ref().0.set(Expiration::OneShot(wait), TimerSetTimeFlags::empty());
        }
    }
}

/// Ends with the runtime.
async fn ring(alarm: Arc<Alarm>) {
    while let Ok(mut ready) = alarm.timer.readable().await {
        ready.clear_ready();
        *alarm.set_to.lock() = None;
        alarm.gone_off.notify_waiters();
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests;
