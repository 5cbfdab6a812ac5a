//! Mistakes in a file, shown where they are.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::string::FromUtf8Error;

/// One mistake.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Where it is, in bytes from the start of the file.
    pub span: Range<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
    /// Whether something is missing, rather than wrong. In a file with syntax errors it may well be
    /// there, in a part that could not be read.
    pub absence: bool,
}

/// Why an application file can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file can't be read at all.
    #[error("can't read the application file {file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The file has mistakes.
    #[error("{report}")]
    Mistakes {
        /// The mistakes in the order of the file, as they are shown to a person.
        report: String,
        /// How many there are.
        count: usize,
    },
}

/// The mistakes found so far.
pub(super) struct Diagnostics {
    syntax: Vec<Diagnostic>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(super) fn new(syntax: Vec<toml::de::Error>) -> Self {
        let syntax = syntax.into_iter().map(|error| Diagnostic {
            span: error.span().unwrap_or(0..0),
            message: error.message().replace('\n', ", "),
            absence: false,
        });
        Self { syntax: syntax.collect(), list: Vec::new() }
    }

    pub(super) fn wrong(&mut self, span: Range<usize>, message: String) {
        self.list.push(Diagnostic { span, message, absence: false });
    }

    pub(super) fn missing(&mut self, span: Range<usize>, message: String) {
        self.list.push(Diagnostic { span, message, absence: true });
    }

    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// `None`: there are no mistakes.
    pub(super) fn into_error(self, file: &str, text: &str) -> Option<ConfigError> {
        let Self { mut syntax, mut list } = self;
        let page = Page::new(file, text);
        syntax.dedup_by_key(|mistake| page.line_of(mistake));
        if !syntax.is_empty() {
            let unread: Vec<Range<usize>> = syntax.iter().map(|m| page.rest_of_table(m)).collect();
            list.retain(|m| !m.absence && !unread.iter().any(|part| part.contains(&m.span.start)));
            list.append(&mut syntax);
        }
        if list.is_empty() {
            return None;
        }
        list.sort_by_key(|mistake| mistake.span.start);
        let report: Vec<String> = list.iter().map(|mistake| page.show(mistake)).collect();
        Some(ConfigError::Mistakes { report: report.join("\n\n"), count: list.len() })
    }
}

/// The error for a file whose bytes are not text.
pub(super) fn not_utf8(file: &str, error: &FromUtf8Error) -> ConfigError {
    let at = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes());
    let message = format!("byte {:#04x} is not UTF-8; TOML files are UTF-8", error.as_bytes()[at]);
    let diagnostic = Diagnostic { span: at..at, message, absence: false };
    ConfigError::Mistakes { report: Page::new(file, &text).show(&diagnostic), count: 1 }
}

/// What some editors put before the first character.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A file, laid out in lines.
struct Page<'a> {
    file: &'a str,
    text: &'a str,
    /// Where each line starts, in bytes.
    lines: Vec<usize>,
}

impl<'a> Page<'a> {
    fn new(file: &'a str, text: &'a str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Self { file, text, lines }
    }

    /// The number of the line that a mistake is in, counted from 1.
    fn line_of(&self, mistake: &Diagnostic) -> usize {
        self.lines.partition_point(|line| *line <= mistake.span.start)
    }

    /// From the line of a syntax error to the next table's header: the part whose meaning is not certain.
    fn rest_of_table(&self, mistake: &Diagnostic) -> Range<usize> {
        let line = self.line_of(mistake);
        let is_header =
            |start: &&usize| self.text[**start..].trim_start_matches([' ', '\t']).starts_with('[');
        let end = self.lines[line..].iter().find(is_header);
        self.lines[line - 1]..end.copied().unwrap_or(usize::MAX)
    }

    /// `FILE:LINE:COLUMN: message`, and the line with carets under the place.
    fn show(&self, Diagnostic { span, message, .. }: &Diagnostic) -> String {
        let start = self.text.floor_char_boundary(span.start);
        let number = self.lines.partition_point(|line| *line <= start);
        let mut line_start = self.lines[number - 1];
        if number == 1 && self.text.starts_with(BYTE_ORDER_MARK) {
            line_start = BYTE_ORDER_MARK.len_utf8().min(start); // nobody sees it
        }
        let line_end = self.lines.get(number).map_or(self.text.len(), |next| next - 1);
        let before = &self.text[line_start..start];
        let end = self.text.floor_char_boundary(span.end.clamp(start, line_end.max(start)));

        // A tab before the place stays a tab, so that the caret stands under it on any terminal.
        let blank: String = before.chars().map(|c| if c == '\t' { c } else { ' ' }).collect();
        let carets = "^".repeat(self.text[start..end].chars().count().max(1));
        let gutter = " ".repeat(number.to_string().len());
        let line = self.text[line_start..line_end].trim_end();
        let column = before.chars().count() + 1;

        let mut shown = format!("{}:{number}:{column}: {message}\n", self.file);
        let _ = write!(shown, "{gutter} |\n{number} | {line}\n{gutter} | {blank}{carets}");
        shown
    }
}

/// The one of `words` that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    words
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))
        .map(|(_, candidate)| candidate)
}

/// What to say after "unknown": the nearest word, or all of them.
pub(super) fn suggestion(word: &str, words: &[&str]) -> String {
    match nearest(word, words.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if words.is_empty() => "none is known here".into(),
        None => format!("expected one of {}", words.join(", ")),
    }
}
