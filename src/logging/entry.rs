//! An entry of the journal, on its way to it: one line, like every other, so that whatever splits, counts or keeps
//! lines need not know about entries.
//!
//! Fields, `NAME=value`, are separated by [`FIELD_END`]; in a value, a control character is escaped by [`ESCAPE`]. From
//! such a line, [`datagram`] makes what systemd's "Native Journal Protocol" asks for.

use super::event_fields::{EventFields, Field};
use super::facility::Facility;
use std::fmt::Write as _;

/// Ends a field, except the last of an entry.
const FIELD_END: char = '\x1f';

/// Precedes the character that is [`DISTANCE`] above a control character.
const ESCAPE: char = '\x10';
const DISTANCE: u8 = 0x40;

/// The longest name of a field that journald accepts.
const MAX_NAME_BYTES: usize = 64;

/// The fields with which every entry of a program begins.
#[derive(Clone)]
pub(super) struct Sender(String);

impl Sender {
    pub(super) fn new(facility: Facility, name: &str) -> Self {
        let mut fields = String::new();
        append("SYSLOG_FACILITY", &(facility as u8).to_string(), &mut fields);
        append("SYSLOG_IDENTIFIER", name, &mut fields);
        Self(fields)
    }

    /// Begins an entry: what is appended next, without control characters, is its message.
    pub(super) fn begin(&self, priority: u8, path: &str, out: &mut String) {
        let _ = write!(out, "PRIORITY={priority}{FIELD_END}");
        out.push_str(&self.0);
        if path != "-" {
            append("POETRYD_SERVICE", path, out);
        }
        out.push_str("MESSAGE=");
    }
}

/// Appends the fields of an event to an entry that has a message.
pub(super) fn append_fields(fields: &EventFields, out: &mut String) {
    for (name, Field::Text(value) | Field::Bare(value)) in fields.fields() {
        let start = out.len();
        out.push(FIELD_END);
        out.extend(name.chars().map(|c| if c == '.' { '_' } else { c.to_ascii_uppercase() }));
        if is_allowed(&out[start + 1..]) {
            out.push('=');
            escape(value, out);
        } else {
            out.truncate(start);
        }
    }
}

/// Whether an event may have a field with this name: journald takes it, and it is none of the fields that every entry
/// has.
fn is_allowed(name: &str) -> bool {
    let own = ["PRIORITY", "SYSLOG_FACILITY", "SYSLOG_IDENTIFIER", "POETRYD_SERVICE", "MESSAGE"];
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
        && !own.contains(&name)
}

fn append(name: &str, value: &str, out: &mut String) {
    out.push_str(name);
    out.push('=');
    escape(value, out);
    out.push(FIELD_END);
}

fn escape(value: &str, out: &mut String) {
    let mut clean = 0;
    for (at, byte) in value.bytes().enumerate().filter(|(_, byte)| *byte < b' ') {
        out.push_str(&value[clean..at]);
        out.push(ESCAPE);
        out.push((byte + DISTANCE).into());
        clean = at + 1;
    }
    out.push_str(&value[clean..]);
}

/// Appends what is sent to the journal for an entry, which is given without its newline.
pub(super) fn datagram(entry: &[u8], out: &mut Vec<u8>) {
    for field in entry.split(|byte| *byte == FIELD_END as u8) {
        if field.contains(&(ESCAPE as u8)) {
            append_binary(field, out);
        } else {
            out.extend_from_slice(field);
        }
        out.push(b'\n');
    }
}

/// Appends a field in the form for values that have newlines: `NAME`, newline, the length in 64 bits, value.
fn append_binary(field: &[u8], out: &mut Vec<u8>) {
    let equals = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
    let (name, value) = field.split_at(equals);
    out.extend_from_slice(name);
    out.push(b'\n');
    let length_at = out.len();
    out.extend_from_slice(&[0; 8]);
    let mut parts = value[1.min(value.len())..].split(|byte| *byte == ESCAPE as u8);
    out.extend_from_slice(parts.next().unwrap_or_default());
    for part in parts {
        let [escaped, rest @ ..] = part else { continue };
        out.push(escaped.wrapping_sub(DISTANCE));
        out.extend_from_slice(rest);
    }
    let length = (out.len() - length_at - 8) as u64;
    out[length_at..length_at + 8].copy_from_slice(&length.to_le_bytes());
}

/// The message of an entry as a line of text, with its newline and the priority in front of it, as sd-daemon(3)
/// describes it.
pub(super) fn line(entry: &[u8]) -> Vec<u8> {
    let mut fields = entry.split(|byte| *byte == FIELD_END as u8);
    let mut field = |name: &str| fields.find_map(|field| field.strip_prefix(name.as_bytes()));
    let priority = field("PRIORITY=").unwrap_or_default();
    let message = field("MESSAGE=").unwrap_or_default();
    [b"<", priority, b">", message, b"\n"].concat()
}
