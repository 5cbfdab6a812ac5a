//! Events from before the log is open. They are kept until then.

use super::event_fields::EventFields;
use super::line::Line;
use std::collections::BTreeMap;
use std::time::SystemTime;
use tracing::Level;

/// The maximum number of events that are kept.
const MAX_EVENTS: usize = 1_000;

/// The maximum number of bytes of text that are kept.
const MAX_BYTES: usize = 1 << 20;

/// An event that waits for the log.
pub(super) struct EarlyEvent {
    pub(super) time: SystemTime,
    pub(super) level: Level,
    pub(super) path: String,
    pub(super) fields: EventFields,
}

impl EarlyEvent {
    pub(super) fn line(&self) -> Line<'_> {
        Line { time: self.time, level: self.level, path: &self.path, fields: &self.fields }
    }
}

/// Events in the order in which they were logged.
#[derive(Default)]
pub(super) struct EarlyEvents {
    events: Vec<EarlyEvent>,
    bytes: usize,
    /// How many did not fit.
    lost: BTreeMap<Level, usize>,
}

impl EarlyEvents {
    /// Keeps an event, if there is space. Debugging events are dropped to make space for others.
    pub(super) fn keep(&mut self, event: EarlyEvent) {
        if self.is_full() && event.level <= Level::INFO {
            self.drop_details();
        }
        if self.is_full() {
            *self.lost.entry(event.level).or_default() += 1;
        } else {
            self.bytes += event.fields.length();
            self.events.push(event);
        }
    }

    fn is_full(&self) -> bool {
        self.events.len() >= MAX_EVENTS || self.bytes >= MAX_BYTES
    }

    fn drop_details(&mut self) {
        for event in self.events.extract_if(.., |event| event.level > Level::INFO) {
            *self.lost.entry(event.level).or_default() += 1;
            self.bytes -= event.fields.length();
        }
    }

    /// The events of `level` and above, followed by how many of those were lost.
    pub(super) fn into_lines(self, level: Level) -> impl Iterator<Item = EarlyEvent> {
        let lost: usize = self.lost.range(..=level).map(|(_, lost)| lost).sum();
        let text = format!("{lost} events were lost: they were logged before the log was open");
        let lost = (lost > 0).then(|| EarlyEvent {
            time: SystemTime::now(),
            level: Level::WARN,
            path: "-".into(),
            fields: EventFields::of(&text, &[]),
        });
        self.events.into_iter().filter(move |event| event.level <= level).chain(lost)
    }
}
