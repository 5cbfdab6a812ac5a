//! The lines of a file. The line with a mistake is shown with carets below it.

use crate::value::{columns, fitting, plain, push};
use std::fmt::{self, Write as _};
use std::ops::Range;

/// A byte order mark, which some editors put at the start of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// How much of a line is shown, in columns.
const LINE_WIDTH: usize = 100;

/// How much of that is reserved for what follows the mistake.
const WIDTH_AFTER: usize = 60;

/// How much of a message is shown, in columns. What it quotes is limited separately.
const LONGEST_MESSAGE: usize = 2000;

/// One mistake in a file. It is displayed with its line, as programs show it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Where it is, in bytes from the start of the file.
    pub span: Range<usize>,
    /// The place of its first character.
    pub start: Position,
    /// The place after its last character. Where something is missing, this can be the same.
    pub end: Position,
    /// What is wrong, and what would be right.
    pub message: String,
    shown: String,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in that line, counted from 1.
    pub column: usize,
}

impl fmt::Display for Diagnostic {
    /// `FILE:LINE:COLUMN: message`, and the line with carets below the mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The lines of a file.
pub(super) struct Page<'a> {
    file: &'a str,
    text: &'a str,
    /// Where each line starts, in bytes.
    lines: Vec<usize>,
}

impl<'a> Page<'a> {
    /// The lines of a file, whose name is shown as it is.
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Self { file, text, lines }
    }

    /// The number of the line with this position, counted from 1.
    pub(super) fn line_of(&self, place: usize) -> usize {
        self.lines.partition_point(|line| *line <= place)
    }

    /// From the line of a syntax error to the header of the next table: the part that may have been
    /// misunderstood.
    pub(super) fn rest_of_table(&self, place: usize) -> Range<usize> {
        let line = self.line_of(place);
        let is_header =
            |start: &&usize| self.text[**start..].trim_start_matches([' ', '\t']).starts_with('[');
        let end = self.lines[line..].iter().find(is_header);
        self.lines[line - 1]..end.copied().unwrap_or(usize::MAX)
    }

    /// A mistake in this file.
    pub(super) fn diagnostic(&self, span: Range<usize>, message: &str) -> Diagnostic {
        let message = plain(message, LONGEST_MESSAGE);
        let (start, end) = (self.position(span.start), self.position(span.end.max(span.start)));
        let shown = self.show(&span, start, &message);
        Diagnostic { span, start, end, message, shown }
    }

    fn position(&self, place: usize) -> Position {
        let place = self.text.floor_char_boundary(place);
        let line = self.line_of(place);
        let column = self.text[self.start_of(line, place)..place].chars().count() + 1;
        Position { line, column }
    }

    /// Where a line starts that has this position in it.
    fn start_of(&self, line: usize, place: usize) -> usize {
        match line == 1 && self.text.starts_with(BYTE_ORDER_MARK) {
            true => BYTE_ORDER_MARK.len_utf8().min(place), // it is invisible
            false => self.lines[line - 1],
        }
    }

    /// `FILE:LINE:COLUMN: message`, and the line, or as much of it as fits, with carets below the mistake.
    fn show(&self, span: &Range<usize>, place: Position, message: &str) -> String {
        let start = self.text.floor_char_boundary(span.start);
        let Position { line: number, column } = place;
        let line_start = self.start_of(number, start);
        let line_end = self.lines.get(number).map_or(self.text.len(), |next| next - 1);
        let line = self.text[line_start..line_end].trim_end();
        let before = &self.text[line_start..start];
        let rest = &self.text[start..(line_start + line.len()).max(start)];
        let marked = self.text.floor_char_boundary(span.end.clamp(start, start + rest.len()));

        let Excerpt { line, blank, carets } = Excerpt::around(before, rest, marked - start);
        let gutter = " ".repeat(number.to_string().len());
        let file = self.file;
        let mut shown = format!("{file}:{number}:{column}: {message}\n");
        let _ = write!(shown, "{gutter} |\n{number} | {line}\n{gutter} | {blank}{carets}");
        shown
    }
}

/// The part of a line that is shown, and what is below it.
struct Excerpt {
    line: String,
    blank: String,
    carets: String,
}

impl Excerpt {
    /// The part of a line that is shown. The line consists of `before` and `rest`, and the first `marked` bytes
    /// of `rest` are the mistake.
    fn around(before: &str, rest: &str, marked: usize) -> Self {
        let (_, after) = fitting(rest.chars(), WIDTH_AFTER, columns_in_line);
        let (left, taken) = fitting(before.chars().rev(), LINE_WIDTH - after, columns_in_line);
        let (right, _) = fitting(rest.chars(), LINE_WIDTH - taken, columns_in_line);
        let (cut, before) = before.split_at(before.len() - left);

        let mut excerpt = Self { line: String::new(), blank: String::new(), carets: String::new() };
        if !cut.is_empty() {
            excerpt.line.push('…');
            excerpt.blank.push(' ');
        }
        for c in before.chars() {
            push_in_line(c, &mut excerpt.line);
            // A tab before the mistake stays a tab, so that the caret is below the mistake on any terminal.
            let blank = if c == '\t' { "\t".into() } else { " ".repeat(columns(c)) };
            excerpt.blank.push_str(&blank);
        }
        rest[..right].chars().for_each(|c| push_in_line(c, &mut excerpt.line));
        match right < rest.len() {
            true => excerpt.line.push('…'),
            false => excerpt.line.truncate(excerpt.line.trim_end().len()),
        }
        let carets: usize = rest[..marked.min(right)].chars().map(columns_in_line).sum();
        excerpt.carets = "^".repeat(carets.max(1));
        excerpt
    }
}

fn push_in_line(c: char, line: &mut String) {
    if c == '\t' { line.push(c) } else { push(c, line) }
}

/// A tab counts as one column, since its width depends on the terminal.
fn columns_in_line(c: char) -> usize {
    if c == '\t' { 1 } else { columns(c) }
}
