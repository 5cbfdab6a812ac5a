//! The content of an event: its message and its fields.

use std::fmt::{self, Write as _};
use std::ops::Range;
use tracing::field::Visit;

/// The message and the fields of one event or span. It can be reused for the next one, so that nothing has to be
/// allocated.
#[derive(Default)]
pub(super) struct EventFields {
    /// All texts, one after the other.
    text: String,
    message: Range<usize>,
    fields: Vec<(&'static str, Field<Range<usize>>)>,
}

/// The value of a field: its text, or where that is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field<T> {
    Text(T),
    /// A number or boolean, which JSON writes without quotes.
    Bare(T),
}

impl<T> Field<T> {
    fn map<U>(&self, f: impl FnOnce(&T) -> U) -> Field<U> {
        match self {
            Field::Text(value) => Field::Text(f(value)),
            Field::Bare(value) => Field::Bare(f(value)),
        }
    }
}

impl EventFields {
    pub(super) fn of(message: &str, fields: &[(&'static str, Field<&str>)]) -> Self {
        let mut event = Self::default();
        event.message = event.append(format_args!("{message}"));
        for (name, value) in fields {
            let value = value.map(|value| event.append(format_args!("{value}")));
            event.fields.push((name, value));
        }
        event
    }

    /// Forgets everything, but keeps its memory.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.message = 0..0;
        self.fields.clear();
    }

    /// The number of bytes of text.
    pub(super) fn length(&self) -> usize {
        self.text.len()
    }

    pub(super) fn message(&self) -> &str {
        &self.text[self.message.clone()]
    }

    /// The fields, in the order in which they were recorded.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, Field<&str>)> {
        let field = |(name, value): &(&'static str, Field<Range<usize>>)| {
            (*name, value.map(|range| &self.text[range.clone()]))
        };
        self.fields.iter().map(field)
    }

    fn append(&mut self, value: fmt::Arguments<'_>) -> Range<usize> {
        let start = self.text.len();
        let _ = self.text.write_fmt(value); // if formatting fails, what has been written stays
        start..self.text.len()
    }

    fn record(&mut self, field: &tracing::field::Field, value: Field<fmt::Arguments<'_>>) {
        let value = value.map(|text| self.append(*text));
        match (field.name(), value) {
            ("message", Field::Text(range) | Field::Bare(range)) => self.message = range,
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for EventFields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.record(field, Field::Text(format_args!("{value:?}")));
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.record(field, Field::Text(format_args!("{value}")));
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.record(field, Field::Bare(format_args!("{value}")));
    }

    fn record_i64(&mut self, field: &tracing::field::Field, value: i64) {
        self.record(field, Field::Bare(format_args!("{value}")));
    }

    fn record_f64(&mut self, field: &tracing::field::Field, value: f64) {
        // JSON has no infinities.
        let kind = if value.is_finite() { Field::Bare } else { Field::Text };
        self.record(field, kind(format_args!("{value}")));
    }

    fn record_bool(&mut self, field: &tracing::field::Field, value: bool) {
        self.record(field, Field::Bare(format_args!("{value}")));
    }
}
