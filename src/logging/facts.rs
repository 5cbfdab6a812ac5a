//! What an event says: its message and its fields.

use std::fmt::{self, Write as _};
use std::ops::Range;
use tracing::field::Visit;

/// The message and the fields of one event or span. To be used again for the next: then there is nothing to
/// allocate.
#[derive(Default)]
pub(super) struct Facts {
    /// All texts, one behind the other.
    text: String,
    message: Range<usize>,
    fields: Vec<(&'static str, Kind, Range<usize>)>,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Bare,
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'a> {
    Text(&'a str),
    /// A number or a truth value, which JSON writes without quotes.
    Bare(&'a str),
}

impl Facts {
    pub(super) fn of(message: &str, fields: &[(&'static str, Field<'_>)]) -> Self {
        let mut facts = Self::default();
        facts.message = facts.append(format_args!("{message}"));
        for (name, value) in fields {
            let (kind, value) = match value {
                Field::Text(value) => (Kind::Text, value),
                Field::Bare(value) => (Kind::Bare, value),
            };
            let range = facts.append(format_args!("{value}"));
            facts.fields.push((name, kind, range));
        }
        facts
    }

    /// Forgets everything but the memory that it took.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.message = 0..0;
        self.fields.clear();
    }

    pub(super) fn message(&self) -> &str {
        &self.text[self.message.clone()]
    }

    /// The fields, in the order in which they were recorded.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, Field<'_>)> {
        self.fields.iter().map(|(name, kind, range)| {
            let value = &self.text[range.clone()];
            let value = match kind {
                Kind::Text => Field::Text(value),
                Kind::Bare => Field::Bare(value),
            };
            (*name, value)
        })
    }

    fn append(&mut self, value: fmt::Arguments<'_>) -> Range<usize> {
        let start = self.text.len();
        let _ = self.text.write_fmt(value); // what fails to show itself keeps what it has written
        start..self.text.len()
    }

    fn record(&mut self, field: &tracing::field::Field, kind: Kind, value: fmt::Arguments<'_>) {
        let range = self.append(value);
        if field.name() == "message" {
            self.message = range;
        } else {
            self.fields.push((field.name(), kind, range));
        }
    }
}

impl Visit for Facts {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.record(field, Kind::Text, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.record(field, Kind::Text, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.record(field, Kind::Bare, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &tracing::field::Field, value: i64) {
        self.record(field, Kind::Bare, format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &tracing::field::Field, value: f64) {
        // JSON has no infinities.
        let kind = if value.is_finite() { Kind::Bare } else { Kind::Text };
        self.record(field, kind, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &tracing::field::Field, value: bool) {
        self.record(field, Kind::Bare, format_args!("{value}"));
    }
}
