//! What a log line looks like.

use super::clock::{Clock, TimeFormat};
use super::facility::Facility;
use super::facts::{Facts, Field};
use std::fmt::Write as _;
use std::time::SystemTime;
use tracing::Level;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: `TIME [PATH] message`.
    Text,
    /// For programs: one JSON object per line, with every fact in a field of its own.
    Json,
}

impl Format {
    /// All of them, by their names.
    pub const NAMES: &[(&str, Format)] = &[("text", Format::Text), ("json", Format::Json)];
}

/// What surrounds the line, depending on where it goes.
#[derive(Clone)]
pub(super) enum Style {
    /// A timestamp.
    Plain,
    /// A priority, as sd-daemon(3) describes it; the journal has its own timestamps.
    Journal,
    /// The head of a syslog packet, with this facility and ending in this tag.
    Syslog(Facility, String),
}

impl Style {
    pub(super) fn syslog(facility: Facility, name: &str) -> Self {
        Style::Syslog(facility, format!("{name}[{}]: ", std::process::id()))
    }
}

/// What one line says.
pub(super) struct Line<'a> {
    pub(super) time: SystemTime,
    pub(super) level: Level,
    pub(super) path: &'a str,
    pub(super) facts: &'a Facts,
}

/// Writes lines.
#[derive(Clone)]
pub(super) struct Formatter {
    format: Format,
    style: Style,
    clock: Clock,
}

impl Formatter {
    pub(super) fn new(format: Format, style: Style, clock: Clock) -> Self {
        Self { format, style, clock }
    }

    /// Appends a whole line, with its newline, to `out`.
    pub(super) fn write(&self, line: &Line<'_>, out: &mut String) {
        let priority = severity(line.level);
        match &self.style {
            Style::Plain => {}
            Style::Journal => drop(write!(out, "<{priority}>")),
            Style::Syslog(facility, tag) => {
                let _ = write!(out, "<{}>", ((*facility as u8) << 3) | priority);
                self.clock.append(line.time, TimeFormat::Syslog, out);
                out.push(' ');
                out.push_str(tag);
            }
        }
        match self.format {
            Format::Text => self.write_text(line, out),
            Format::Json => self.write_json(line, out),
        }
        out.push('\n');
    }

    fn write_text(&self, line: &Line<'_>, out: &mut String) {
        if let Style::Plain = self.style {
            self.clock.append(line.time, TimeFormat::Log, out);
            out.push(' ');
        }
        out.push('[');
        out.push_str(line.path);
        out.push_str("] ");
        if line.level == Level::ERROR {
            out.push_str("error: ");
        } else if line.level == Level::WARN {
            out.push_str("warning: ");
        }
        let message = line.facts.message();
        escape(message, out);
        for (name, Field::Text(value) | Field::Bare(value)) in line.facts.fields() {
            if !says(message, value) {
                let _ = write!(out, " {name}=");
                escape(value, out);
            }
        }
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
        let _ = write!(out, "\"message\":{}", json(line.facts.message()));
        for (name, value) in line.facts.fields() {
            let _ = match value {
                Field::Text(text) => write!(out, ",{}:{}", json(name), json(text)),
                Field::Bare(text) => write!(out, ",{}:{text}", json(name)),
            };
        }
        out.push('}');
    }
}

/// Whether the message spells this value out, as a word of its own; then text need not repeat it.
fn says(message: &str, value: &str) -> bool {
    let within_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let Some(first) = value.chars().next() else { return false };
    // Looking for one character first is several times as fast as looking for the value.
    message.match_indices(first).any(|(at, _)| {
        let (before, rest) = message.split_at(at);
        let Some(after) = rest.strip_prefix(value) else { return false };
        !within_word(before.chars().next_back()) && !within_word(after.chars().next())
    })
}

/// Control characters in what a peer sent must not be able to end a line or to move a terminal's cursor.
fn escape(text: &str, out: &mut String) {
    // Nearly every text is plain. To look at all bytes of it, several at once, is the fastest way to find out.
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

/// A JSON string, with all control characters escaped: JSON itself demands it only of those below U+0020.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    if !quoted.contains(char::is_control) {
        return quoted;
    }
    let escape = |c: char| if c.is_control() { format!("\\u{:04x}", c as u32) } else { c.into() };
    quoted.chars().map(escape).collect()
}

/// The severity of syslog(3).
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
