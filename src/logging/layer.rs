//! From `tracing` to lines.

use super::line::{Field, Formatter, Line};
use super::output::Output;
use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use tracing::field::Visit;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Turns events into lines, and spans with a field `path` into the `[path]` of the lines within them.
pub(super) struct LogLayer {
    level: Level,
    formatter: Formatter,
    output: Arc<Output>,
}

/// The `path` of a span.
struct Path(String);

thread_local! {
    /// The line being made: its memory is used again for the next.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

impl LogLayer {
    pub(super) fn new(level: Level, formatter: Formatter, output: Arc<Output>) -> Self {
        Self { level, formatter, output }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.level() <= &self.level
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.level.into())
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let mut facts = Facts::default();
        attributes.record(&mut facts);
        let path = facts.fields.into_iter().find(|(name, _)| *name == "path");
        if let (Some((_, Field::Text(path))), Some(span)) = (path, cx.span(id)) {
            span.extensions_mut().insert(Path(path));
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut facts = Facts::default();
        event.record(&mut facts);
        let mut scope = cx.event_scope(event).into_iter().flatten();
        let write = |path: &str| {
            LINE.with(|line| match line.try_borrow_mut() {
                Ok(mut line) => self.write(event, &facts, path, &mut line),
                // Writing this line has caused another: only then is there a need for more memory.
                Err(_) => self.write(event, &facts, path, &mut String::new()),
            });
        };
        match scope.find(|span| span.extensions().get::<Path>().is_some()) {
            Some(span) => write(span.extensions().get::<Path>().map_or("-", |path| &path.0)),
            None => write("-"),
        }
    }
}

impl LogLayer {
    fn write(&self, event: &Event<'_>, facts: &Facts, path: &str, line: &mut String) {
        line.clear();
        let level = *event.metadata().level();
        let (message, fields) = (facts.message.as_str(), facts.fields.as_slice());
        self.formatter.write(&Line { level, path, message, fields }, line);
        self.output.write(line.as_bytes());
    }
}

/// What an event or a span says.
#[derive(Default)]
struct Facts {
    message: String,
    fields: Vec<(&'static str, Field)>,
}

impl Visit for Facts {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.fields.push((field.name(), Field::Text(format!("{value:?}"))));
        }
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.fields.push((field.name(), Field::Text(value.into())));
        }
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.fields.push((field.name(), Field::Bare(value.to_string())));
    }

    fn record_i64(&mut self, field: &tracing::field::Field, value: i64) {
        self.fields.push((field.name(), Field::Bare(value.to_string())));
    }

    fn record_f64(&mut self, field: &tracing::field::Field, value: f64) {
        let text = value.to_string();
        let field_value = if value.is_finite() { Field::Bare(text) } else { Field::Text(text) };
        self.fields.push((field.name(), field_value)); // JSON has no infinities
    }

    fn record_bool(&mut self, field: &tracing::field::Field, value: bool) {
        self.fields.push((field.name(), Field::Bare(value.to_string())));
    }
}
