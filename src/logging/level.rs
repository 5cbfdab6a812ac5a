//! The least important level that is logged, which may change while all threads read it for each event.

use std::sync::atomic::{AtomicU8, Ordering};
use tracing::Level;

/// The levels, from the most important one.
const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

/// The least important level that is logged.
pub(super) struct ChangingLevel(AtomicU8);

impl ChangingLevel {
    pub(super) fn new(level: Level) -> Self {
        let changing = Self(AtomicU8::default());
        changing.set(level);
        changing
    }

    pub(super) fn get(&self) -> Level {
        LEVELS[usize::from(self.0.load(Ordering::Relaxed))]
    }

    pub(super) fn set(&self, level: Level) {
        let rank = (0..).zip(LEVELS).find(|(_, other)| *other == level).map_or(0, |(rank, _)| rank);
        self.0.store(rank, Ordering::Relaxed);
    }
}
