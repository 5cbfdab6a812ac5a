//! The counters of services, which can be read from any thread.

use super::error::guarded;
use crate::sync::Mutex;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::error;

/// Mixes numbers: the golden ratio in 64 bits, which is odd.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number that only grows: requests answered, bytes sent. Cheap to clone; all clones are the same counter.
///
/// Made by [`Context::counter`](super::Context::counter).
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The current value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether a number only grows, or goes up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// The value of one number when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// The name: `connections_opened`.
    pub name: String,
    /// What is counted, in a sentence.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: SampleKind,
    /// Labels that distinguish it from other numbers with the same name: `("address", "127.0.0.1:10001")`.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: u64,
}

impl Sample {
    /// A number that only grows, without labels.
    pub fn counter(name: impl Into<String>, help: &'static str, value: u64) -> Self {
        Self { name: name.into(), help, kind: SampleKind::Counter, labels: Vec::new(), value }
    }

    /// A number that goes up and down, without labels.
    pub fn gauge(name: impl Into<String>, help: &'static str, value: u64) -> Self {
        Self { kind: SampleKind::Gauge, ..Self::counter(name, help, value) }
    }

    /// Adds a label.
    pub fn label(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((name, value.into()));
        self
    }
}

/// Several numbers that a service keeps in its own way, possibly cheaper than a [`Counter`] each, and adds up
/// only when somebody reads them.
pub trait Counters: Any + Send + Sync {
    /// Reads all of them. This can be called from any thread, at any time. Whoever lists the tree waits for it.
    fn read(&self) -> Vec<Sample>;

    /// A number that is another one whenever [`read`](Self::read) returns something else than before: the sum of numbers
    /// that only grow, for example. It lets those who read often, such as the metrics of ten thousand services, read only
    /// what has changed. `None`, the default: they read it every time.
    fn version(&self) -> Option<u64> {
        None
    }
}

/// All counters of one path in the tree. They outlive restarts and replacements of the service there.
#[derive(Default)]
pub(super) struct Counted(Mutex<AllCounters>);

/// The counters of one path at one moment.
pub(super) type AllCounters = Arc<Vec<Named>>;

#[derive(Clone)]
pub(super) struct Named {
    /// How the same counters are found again after a restart.
    name: String,
    counters: Arc<dyn Counters>,
}

struct OneCounter {
    name: String,
    help: &'static str,
    counter: Counter,
}

impl Counters for OneCounter {
    fn read(&self) -> Vec<Sample> {
        vec![Sample::counter(self.name.clone(), self.help, self.counter.get())]
    }

    fn version(&self) -> Option<u64> {
        Some(self.counter.get())
    }
}

impl Counted {
    /// The counter with this name, which is created if it does not exist.
    pub(super) fn counter(&self, name: &str, help: &'static str) -> Counter {
        let new = || OneCounter { name: name.into(), help, counter: Counter::default() };
        self.group(name, new).counter.clone()
    }

    /// The counters with this type and name, or else those that `new` makes.
    pub(super) fn group<C: Counters>(&self, name: &str, new: impl FnOnce() -> C) -> Arc<C> {
        if let Some(same) = same(&self.0.lock(), name) {
            return same;
        }
        let counters = Arc::new(new()); // a service's own code, so no lock is held
        let mut all = self.0.lock();
        if let Some(same) = same(&all, name) {
            return same; // another thread was faster
        }
        let all = Arc::make_mut(&mut all);
        all.retain(|named| named.name != name);
        all.push(Named { name: name.into(), counters: counters.clone() });
        counters
    }

    /// Continues with the counters of another service.
    pub(super) fn inherit(&self, before: &Counted) {
        let counters = before.0.lock().clone();
        *self.0.lock() = counters;
    }

    /// All numbers. Counters that panic are left out, which is logged.
    pub(super) fn read(&self) -> Vec<Sample> {
        let all = self.0.lock().clone();
        let read = |named: &Named| {
            guarded(|| named.counters.read())
                .inspect_err(|panic| error!("the counters {:?} {panic}", named.name))
        };
        all.iter().filter_map(|named| read(named).ok()).flatten().collect()
    }

    /// All of them.
    pub(super) fn all(&self) -> AllCounters {
        self.0.lock().clone()
    }

    /// Where the set of them is in memory: elsewhere, if there is another one.
    pub(super) fn place(&self) -> usize {
        Arc::as_ptr(&self.0.lock()).addr()
    }
}

/// A number that is another one when any of these has another value. `None`: that is not known.
pub(super) fn version_of(counters: &AllCounters) -> Option<u64> {
    let mut versions = counters.iter().map(|named| guarded(|| named.counters.version()).ok()?);
    versions
        .try_fold(0, |all: u64, version| Some((all.rotate_left(5) ^ version?).wrapping_mul(MIX)))
}

fn same<C: Counters>(all: &[Named], name: &str) -> Option<Arc<C>> {
    let named = all.iter().find(|named| named.name == name)?;
    let counters: Arc<dyn Any + Send + Sync> = named.counters.clone();
    counters.downcast().ok()
}

#[cfg(test)]
mod tests;
