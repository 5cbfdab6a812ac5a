//! What may change while the log is open. All threads read it for each line.

use super::line::Format;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
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

/// The format of lines, shared by everything that writes some.
#[derive(Clone)]
pub(super) struct ChangingFormat {
    is_json: Arc<AtomicBool>,
}

impl ChangingFormat {
    pub(super) fn new(format: Format) -> Self {
        let changing = Self { is_json: Arc::default() };
        changing.set(format);
        changing
    }

    pub(super) fn get(&self) -> Format {
        if self.is_json.load(Ordering::Relaxed) { Format::Json } else { Format::Text }
    }

    pub(super) fn set(&self, format: Format) {
        self.is_json.store(format == Format::Json, Ordering::Relaxed);
    }
}
