//! Text from outside, as shown in messages: on one line, without control characters for a terminal, and not too
//! long to read.

use std::path::Path;

/// How much of a quoted name or value is shown, in columns.
const LONGEST_QUOTE: usize = 80;

/// How much of a file name is shown: file names are not longer than this.
const LONGEST_FILE_NAME: usize = 4096;

/// The text in quotes, escaped as in Rust, followed by an ellipsis if it was cut.
pub(crate) fn quoted(text: &str) -> String {
    let (bytes, _) = fitting(text.chars(), LONGEST_QUOTE, |c| c.escape_debug().count());
    let cut = if bytes < text.len() { "…" } else { "" };
    format!("{:?}{cut}", &text[..bytes])
}

/// The text without quotes, cut to `room` columns including an ellipsis if it is longer.
pub(crate) fn plain(text: &str, room: usize) -> String {
    let (bytes, _) = fitting(text.chars(), room, columns);
    let mut shown = String::new();
    text[..bytes].chars().for_each(|c| push(c, &mut shown));
    if bytes < text.len() {
        shown.push('…');
    }
    shown
}

/// A JSON document, on one line. Nothing in it can send control sequences to a terminal.
pub(crate) fn escaped_json(document: &serde_json::Value) -> String {
    let mut escaped = String::new();
    // Outside of its strings, JSON is ASCII.
    for c in document.to_string().chars() {
        match is_shown(c) {
            true => escaped.push(c),
            false => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    escaped
}

/// A number with commas: `81,204`.
#[cfg(any(feature = "control", feature = "web"))]
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The name of a file.
pub(crate) fn file_name(file: &Path) -> String {
    plain(&file.to_string_lossy(), LONGEST_FILE_NAME)
}

/// How many bytes of the first characters fit into `room` columns, and how many columns they take.
pub(crate) fn fitting(
    text: impl Iterator<Item = char>,
    room: usize,
    columns: impl Fn(char) -> usize,
) -> (usize, usize) {
    let (mut bytes, mut taken) = (0, 0);
    for c in text {
        let more = columns(c);
        if taken + more > room {
            break;
        }
        bytes += c.len_utf8();
        taken += more;
    }
    (bytes, taken)
}

/// Appends a character, escaped if it can't be shown as it is.
pub(crate) fn push(c: char, out: &mut String) {
    if is_shown(c) { out.push(c) } else { out.extend(c.escape_debug()) }
}

/// How many columns of a terminal a character takes, as [`push`] writes it.
pub(crate) fn columns(c: char) -> usize {
    match c {
        ' '..='~' => 1,
        c if is_mark(c) => 0,
        c if !is_shown(c) => c.escape_debug().count(),
        c if WIDE.iter().any(|(first, last)| (*first..=*last).contains(&c)) => 2,
        _ => 1,
    }
}

fn is_shown(c: char) -> bool {
    matches!(c, ' '..='~') || c.escape_debug().count() == 1 || is_mark(c)
}

/// Whether a character is shown on top of the one before it, such as an accent. `escape_debug` escapes such a
/// character only at the beginning.
fn is_mark(c: char) -> bool {
    let letter_and_mark = |c: char| ['a', c].iter().collect::<String>().escape_debug().count() == 2;
    !c.is_ascii() && c.escape_debug().count() > 1 && letter_and_mark(c)
}

/// The characters that take two columns: those with W or F in EastAsianWidth.txt of Unicode 16, joined to ranges
/// where only unassigned ones are in between.
const WIDE: [(char, char); 37] = [
    ('\u{1100}', '\u{115f}'),
    ('\u{231a}', '\u{231b}'),
    ('\u{2329}', '\u{232a}'),
    ('\u{23e9}', '\u{23ec}'),
    ('\u{23f0}', '\u{23f0}'),
    ('\u{23f3}', '\u{23f3}'),
    ('\u{25fd}', '\u{25fe}'),
    ('\u{2614}', '\u{2615}'),
    ('\u{2648}', '\u{2653}'),
    ('\u{267f}', '\u{267f}'),
    ('\u{2693}', '\u{2693}'),
    ('\u{26a1}', '\u{26a1}'),
    ('\u{26aa}', '\u{26ab}'),
    ('\u{26bd}', '\u{26be}'),
    ('\u{26c4}', '\u{26c5}'),
    ('\u{26ce}', '\u{26ce}'),
    ('\u{26d4}', '\u{26d4}'),
    ('\u{26ea}', '\u{26ea}'),
    ('\u{26f2}', '\u{26f5}'),
    ('\u{26fa}', '\u{26fd}'),
    ('\u{2705}', '\u{270b}'),
    ('\u{2728}', '\u{2728}'),
    ('\u{274c}', '\u{2757}'),
    ('\u{2795}', '\u{2797}'),
    ('\u{2b1b}', '\u{2b1c}'),
    ('\u{2b50}', '\u{2b55}'),
    ('\u{2e80}', '\u{303e}'),
    ('\u{3041}', '\u{a4cf}'),
    ('\u{a960}', '\u{a97f}'),
    ('\u{ac00}', '\u{d7a3}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{fe10}', '\u{fe19}'),
    ('\u{fe30}', '\u{fe6f}'),
    ('\u{ff01}', '\u{ff60}'),
    ('\u{ffe0}', '\u{ffe6}'),
    ('\u{1f300}', '\u{1faff}'),
    ('\u{20000}', '\u{3fffd}'),
];

#[cfg(test)]
mod tests;
