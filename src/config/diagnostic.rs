//! Mistakes in a file, shown where they are.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::string::FromUtf8Error;

/// One mistake.
#[derive(Clone, Debug, PartialEq)]
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
    list: Vec<Diagnostic>,
    syntax_errors: bool,
}

impl Diagnostics {
    pub(super) fn new(syntax: Vec<toml::de::Error>) -> Self {
        let list: Vec<Diagnostic> = syntax
            .into_iter()
            .map(|error| Diagnostic {
                span: error.span().unwrap_or(0..0),
                message: error.message().replace('\n', ", "),
                absence: false,
            })
            .collect();
        Self { syntax_errors: !list.is_empty(), list }
    }

    pub(super) fn wrong(&mut self, span: Range<usize>, message: String) {
        self.list.push(Diagnostic { span, message, absence: false });
    }

    pub(super) fn missing(&mut self, span: Range<usize>, message: String) {
        self.list.push(Diagnostic { span, message, absence: true });
    }

    /// `None`: there are no mistakes.
    pub(super) fn into_error(self, file: &str, text: &str) -> Option<ConfigError> {
        let Self { mut list, syntax_errors } = self;
        if syntax_errors {
            list.retain(|diagnostic| !diagnostic.absence);
        }
        if list.is_empty() {
            return None;
        }
        list.sort_by_key(|diagnostic| diagnostic.span.start);
        let report: Vec<String> = list.iter().map(|d| show(file, text, d)).collect();
        Some(ConfigError::Mistakes { report: report.join("\n\n"), count: list.len() })
    }
}

/// The error for a file whose bytes are not text.
pub(super) fn not_utf8(file: &str, error: &FromUtf8Error) -> ConfigError {
    let at = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes());
    let message = format!("byte {:#04x} is not UTF-8; TOML files are UTF-8", error.as_bytes()[at]);
    let diagnostic = Diagnostic { span: at..at, message, absence: false };
    ConfigError::Mistakes { report: show(file, &text, &diagnostic), count: 1 }
}

/// `FILE:LINE:COLUMN: message`, and the line with carets under the place.
fn show(file: &str, text: &str, diagnostic: &Diagnostic) -> String {
    let Diagnostic { span, message, .. } = diagnostic;
    let start = span.start.min(text.len());
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let number = text[..start].matches('\n').count() + 1;
    let column = text[line_start..start].chars().count() + 1;

    // A tab before the place stays a tab, so that the caret stands under it on any terminal.
    let blank: String =
        text[line_start..start].chars().map(|c| if c == '\t' { c } else { ' ' }).collect();
    let marked = &text[start..span.end.clamp(start, line_end)];
    let carets = "^".repeat(marked.chars().count().max(1));
    let gutter = " ".repeat(number.to_string().len());
    let line = text[line_start..line_end].trim_end();

    let mut shown = format!("{file}:{number}:{column}: {message}\n");
    let _ = write!(shown, "{gutter} |\n{number} | {line}\n{gutter} | {blank}{carets}");
    shown
}

/// The one of `words` that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    words
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
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
