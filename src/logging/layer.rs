//! From `tracing` to lines.

use super::facts::{Facts, Field};
use super::line::{Formatter, Line};
use super::output::Output;
use std::cell::RefCell;
use std::sync::Arc;
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

/// A line in the making. Its memory is used again for the next, so that a line costs no allocation but that
/// of the channel to the thread that writes it.
#[derive(Default)]
struct Draft {
    facts: Facts,
    line: String,
}

thread_local! {
    static DRAFT: RefCell<Draft> = RefCell::default();
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
        let path = facts.fields().find(|(name, _)| *name == "path");
        if let (Some((_, Field::Text(path))), Some(span)) = (path, cx.span(id)) {
            span.extensions_mut().insert(Path(path.into()));
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let write = |path: &str| {
            DRAFT.with(|draft| match draft.try_borrow_mut() {
                Ok(mut draft) => self.write(event, path, &mut draft),
                // Writing this line has caused another: only then is there a need for more memory.
                Err(_) => self.write(event, path, &mut Draft::default()),
            });
        };
        for span in cx.event_scope(event).into_iter().flatten() {
            if let Some(Path(path)) = span.extensions().get() {
                return write(path);
            }
        }
        write("-");
    }
}

impl LogLayer {
    fn write(&self, event: &Event<'_>, path: &str, draft: &mut Draft) {
        let Draft { facts, line } = draft;
        facts.clear();
        event.record(facts);
        line.clear();
        self.formatter.write(&Line { level: *event.metadata().level(), path, facts }, line);
        self.output.write(line.as_bytes());
    }
}
