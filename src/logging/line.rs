//! The format of a log line.

use super::clock::{Clock, TimeFormat};
use super::entry::{self, Sender};
use super::event_fields::{EventFields, Field};
use super::facility::Facility;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;
use tracing::Level;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: `TIME [PATH] message`.
    Text,
    /// For programs: one JSON object per line, with each value in a field of its own.
    Json,
}

impl Format {
    /// All formats, by their names.
    pub const NAMES: &[(&str, Format)] = &[("text", Format::Text), ("json", Format::Json)];
}

/// The format of lines, shared by everything that writes some.
#[derive(Clone)]
struct ChangingFormat {
    is_json: Arc<AtomicBool>,
}

impl ChangingFormat {
    fn new(format: Format) -> Self {
        let changing = Self { is_json: Arc::default() };
        changing.set(format);
        changing
    }

    fn get(&self) -> Format {
        if self.is_json.load(Ordering::Relaxed) { Format::Json } else { Format::Text }
    }

    fn set(&self, format: Format) {
        self.is_json.store(format == Format::Json, Ordering::Relaxed);
    }
}

/// What precedes the line, depending on where it goes.
#[derive(Clone)]
pub(super) enum Style {
    /// A timestamp.
    Plain,
    /// A priority, as sd-daemon(3) describes it, for lines that become entries of the journal, which has its own
    /// timestamps.
    Priority,
    /// The first fields of an entry for the journal.
    Entry(Sender),
    /// The header of a syslog packet, with this facility and ending in this tag.
    Syslog(Facility, String),
}

impl Style {
    pub(super) fn entry(facility: Facility, name: &str) -> Self {
        Style::Entry(Sender::new(facility, name))
    }

    pub(super) fn syslog(facility: Facility, name: &str) -> Self {
        Style::Syslog(facility, format!("{name}[{}]: ", std::process::id()))
    }
}

/// The content of one line.
pub(super) struct Line<'a> {
    pub(super) time: SystemTime,
    pub(super) level: Level,
    pub(super) path: &'a str,
    pub(super) fields: &'a EventFields,
}

/// Formats lines. Clones have the same format, even after a change.
#[derive(Clone)]
pub(super) struct Formatter {
    format: ChangingFormat,
    style: Style,
    clock: Clock,
}

impl Formatter {
    pub(super) fn new(format: Format, style: Style, clock: Clock) -> Self {
        Self { format: ChangingFormat::new(format), style, clock }
    }

    /// The same in another style. A change of the format changes both.
    pub(super) fn with_style(&self, style: Style) -> Self {
        Self { style, ..self.clone() }
    }

    /// Changes the format, also that of all clones.
    pub(super) fn set_format(&self, format: Format) {
        self.format.set(format);
    }

    /// Appends a whole line, with its newline, to `out`.
    pub(super) fn write(&self, line: &Line<'_>, out: &mut String) {
        let priority = severity(line.level);
        match &self.style {
            Style::Plain => {}
            Style::Priority => drop(write!(out, "<{priority}>")),
            Style::Entry(sender) => sender.begin(priority, line.path, out),
            Style::Syslog(facility, tag) => {
                let _ = write!(out, "<{}>", ((*facility as u8) << 3) | priority);
                self.clock.append(line.time, TimeFormat::Syslog, out);
                out.push(' ');
                out.push_str(tag);
            }
        }
        match self.format.get() {
            Format::Text => self.write_text(line, out),
            Format::Json => self.write_json(line, out),
        }
        if let Style::Entry(_) = self.style {
            entry::append_fields(line.fields, out);
        }
        out.push('\n');
    }

    fn write_text(&self, line: &Line<'_>, out: &mut String) {
        if let Style::Plain = self.style {
            self.clock.append(line.time, TimeFormat::Log, out);
            out.push(' ');
        }
        out.push('[');
        escape(line.path, out);
        out.push_str("] ");
        if line.level == Level::ERROR {
            out.push_str("error: ");
        } else if line.level == Level::WARN {
            out.push_str("warning: ");
        }
        append_message(line.fields, out);
    }

    fn write_json(&self, line: &Line<'_>, out: &mut String) {
        out.push('{');
        if let Style::Plain = self.style {
            out.push_str("\"time\":\"");
            self.clock.append(line.time, TimeFormat::Exact, out);
            out.push_str("\",");
        }
        let level = line.level.as_str().to_ascii_lowercase();
        let _ = write!(out, "\"level\":\"{level}\",\"service\":{},", json(line.path));
        let _ = write!(out, "\"message\":{}", json(line.fields.message()));
        for (name, value) in line.fields.fields() {
            let _ = match value {
                Field::Text(text) => write!(out, ",{}:{}", json(name), json(text)),
                Field::Bare(text) => write!(out, ",{}:{text}", json(name)),
            };
        }
        out.push('}');
    }
}

/// Appends the message, and the fields whose values it does not contain.
pub(super) fn append_message(fields: &EventFields, out: &mut String) {
    let message = fields.message();
    escape(message, out);
    for (name, Field::Text(value) | Field::Bare(value)) in fields.fields() {
        if !says(message, value) {
            let _ = write!(out, " {name}=");
            escape(value, out);
        }
    }
}

/// Whether the message contains this value as a word, so that text need not repeat it.
fn says(message: &str, value: &str) -> bool {
    let within_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let Some(first) = value.chars().next() else { return false };
    // Looking for one character first is several times faster than looking for the value.
    message.match_indices(first).any(|(at, _)| {
        let (before, rest) = message.split_at(at);
        let Some(after) = rest.strip_prefix(value) else { return false };
        !within_word(before.chars().next_back()) && !within_word(after.chars().next())
    })
}

/// Escapes control characters, so that a client can't forge a line or move a terminal's cursor.
fn escape(text: &str, out: &mut String) {
    // Nearly every text is plain. Looking at all its bytes, several at a time, is the fastest way to find out.
    if text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~')) {
        return out.push_str(text);
    }
    let mut clean = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| c.is_control()) {
        out.push_str(&text[clean..at]);
        out.extend(c.escape_default());
        clean = at + c.len_utf8();
    }
    out.push_str(&text[clean..]);
}

/// A JSON string, with all control characters escaped. JSON itself requires that only below U+0020.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    if !quoted.contains(char::is_control) {
        return quoted;
    }
    let escape = |c: char| if c.is_control() { format!("\\u{:04x}", c as u32) } else { c.into() };
    quoted.chars().map(escape).collect()
}

/// The severity in the sense of syslog(3).
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
