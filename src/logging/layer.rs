//! Turns the events of `tracing` into lines.

use super::early::{EarlyEvent, EarlyEvents};
use super::event_fields::{EventFields, Field};
use super::level::ChangingLevel;
use super::line::{Format, Formatter, Line};
use super::output::Output;
use crate::sync::Mutex;
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The log, shared by all threads. Events are kept at first, and become lines when it is open.
pub(super) struct Log {
    /// The events so far, until the log is open.
    early: Mutex<Option<EarlyEvents>>,
    open: OnceLock<OpenLog>,
    /// Whether nobody else receives events: then events that the log does not want need not be created.
    alone: bool,
}

struct OpenLog {
    level: ChangingLevel,
    formatter: Formatter,
    output: Arc<Output>,
}

impl Log {
    /// A log that keeps events until it is open.
    pub(super) fn new(alone: bool) -> Self {
        Self { early: Mutex::new(Some(EarlyEvents::default())), open: OnceLock::new(), alone }
    }

    /// Opens the log. It begins with the events that were kept.
    pub(super) fn open(&self, level: Level, formatter: Formatter, output: Arc<Output>) {
        let mut early = self.early.lock();
        let log = self.open.get_or_init(|| OpenLog {
            level: ChangingLevel::new(level),
            formatter,
            output,
        });
        for event in early.take().into_iter().flat_map(|early| early.into_lines(level)) {
            log.write(&event.line(), &mut String::new());
        }
    }

    /// Changes the least important level that becomes a line.
    pub(super) fn set_level(&self, level: Level) {
        let Some(log) = self.open.get() else { return };
        log.level.set(level);
        // Which events are wanted was noted at each place that makes some.
        tracing::callsite::rebuild_interest_cache();
    }

    /// Changes the format of lines, of this log and of everything whose formatter is a clone of its own.
    pub(super) fn set_format(&self, format: Format) {
        if let Some(log) = self.open.get() {
            log.formatter.set_format(format);
        }
    }

    /// Takes the events that were kept, for a log that will not be opened.
    pub(super) fn give_up(&self, level: Level) -> Vec<EarlyEvent> {
        let early = self.early.lock().take();
        early.into_iter().flat_map(|early| early.into_lines(level)).collect()
    }

    /// Writes a line that is not an event: other layers do not receive it.
    pub(super) fn say(&self, level: Level, message: &str) {
        if let Some(log) = self.open.get().filter(|log| level <= log.level.get()) {
            let fields = EventFields::of(message, &[]);
            let line = Line { time: SystemTime::now(), level, path: "-", fields: &fields };
            log.write(&line, &mut String::new());
        }
    }

    fn keep(&self, event: &Event<'_>, path: &str) {
        let mut fields = EventFields::default();
        event.record(&mut fields);
        let (time, level, path) = (SystemTime::now(), *event.metadata().level(), path.to_owned());
        if let Some(early) = &mut *self.early.lock() {
            early.keep(EarlyEvent { time, level, path, fields });
        }
    }
}

impl OpenLog {
    fn write(&self, line: &Line<'_>, text: &mut String) {
        text.clear();
        self.formatter.write(line, text);
        self.output.write(text.as_bytes());
        if line.level <= Level::WARN {
            self.output.warnings().keep(line);
        }
    }
}

/// Turns events into lines. A span with a field `path` determines the `[path]` of the lines within it.
pub(super) struct LogLayer(pub(super) Arc<Log>);

/// The `path` of a span.
struct Path(String);

/// A line that is being composed. Its memory is reused for the next one, so that a line needs no allocation.
#[derive(Default)]
struct Draft {
    fields: EventFields,
    line: String,
}

thread_local! {
    static DRAFT: RefCell<Draft> = RefCell::default();
}

impl LogLayer {
    /// Whether an event of this level becomes a line.
    fn wants(&self, level: &Level) -> bool {
        self.0.open.get().is_none_or(|log| *level <= log.level.get())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.0.open.get() {
            None => Interest::sometimes(), // ask again when the level is known
            Some(log) if !self.0.alone || *metadata.level() <= log.level.get() => {
                Interest::always()
            }
            Some(_) => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        !self.0.alone || self.wants(metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let level = self.0.open.get().filter(|_| self.0.alone).map(|log| log.level.get().into());
        Some(level.unwrap_or(LevelFilter::TRACE))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let mut fields = EventFields::default();
        attributes.record(&mut fields);
        let path = fields.fields().find(|(name, _)| *name == "path");
        if let (Some((_, Field::Text(path))), Some(span)) = (path, cx.span(id)) {
            span.extensions_mut().insert(Path(path.into()));
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        if !self.wants(event.metadata().level()) {
            return; // another layer handles it
        }
        for span in cx.event_scope(event).into_iter().flatten() {
            if let Some(Path(path)) = span.extensions().get() {
                return self.hear(event, path);
            }
        }
        self.hear(event, "-");
    }
}

impl LogLayer {
    fn hear(&self, event: &Event<'_>, path: &str) {
        let Some(log) = self.0.open.get() else { return self.0.keep(event, path) };
        DRAFT.with(|draft| match draft.try_borrow_mut() {
            Ok(mut draft) => log.write_event(event, path, &mut draft),
            // Writing this line has caused another one. Only then is more memory needed.
            Err(_) => log.write_event(event, path, &mut Draft::default()),
        });
    }
}

impl OpenLog {
    fn write_event(&self, event: &Event<'_>, path: &str, draft: &mut Draft) {
        let Draft { fields, line } = draft;
        fields.clear();
        event.record(fields);
        let (time, level) = (SystemTime::now(), *event.metadata().level());
        self.write(&Line { time, level, path, fields }, line);
    }
}
