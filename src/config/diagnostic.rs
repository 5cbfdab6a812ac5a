//! Mistakes in a file, shown with their lines.

use super::page::{Diagnostic, Page};
use crate::value::{nearest, quoted};
use std::io;
use std::ops::Range;
use std::string::FromUtf8Error;

/// One mistake, before it is known how its line looks.
struct Mistake {
    /// Where it is, in bytes from the start of the file.
    span: Range<usize>,
    message: String,
    /// Whether something is missing, not wrong. In a file with syntax errors it may be in a part that could not
    /// be read.
    absence: bool,
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
    #[error("{}", report(mistakes))]
    Mistakes {
        /// The name of the file, as it is shown to a person.
        file: String,
        /// The mistakes, in the order of the file.
        mistakes: Vec<Diagnostic>,
    },
}

/// All mistakes, as they are shown to the user.
fn report(mistakes: &[Diagnostic]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}

/// The mistakes found so far.
pub(super) struct Diagnostics {
    syntax: Vec<Mistake>,
    list: Vec<Mistake>,
}

impl Diagnostics {
    pub(super) fn new(syntax: Vec<toml::de::Error>) -> Self {
        let syntax = syntax.into_iter().map(|error| Mistake {
            span: error.span().unwrap_or(0..0),
            message: error.message().replace('\n', ", "),
            absence: false,
        });
        Self { syntax: syntax.collect(), list: Vec::new() }
    }

    pub(super) fn wrong(&mut self, span: Range<usize>, message: String) {
        self.list.push(Mistake { span, message, absence: false });
    }

    pub(super) fn missing(&mut self, span: Range<usize>, message: String) {
        self.list.push(Mistake { span, message, absence: true });
    }

    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// `None`: there are no mistakes.
    pub(super) fn into_error(self, file: &str, text: &str) -> Option<ConfigError> {
        let Self { mut syntax, mut list } = self;
        let page = Page::new(file, text);
        syntax.dedup_by_key(|mistake| page.line_of(mistake.span.start));
        if !syntax.is_empty() {
            let unread: Vec<Range<usize>> =
                syntax.iter().map(|m| page.rest_of_table(m.span.start)).collect();
            list.retain(|m| !m.absence && !unread.iter().any(|part| part.contains(&m.span.start)));
            list.append(&mut syntax);
        }
        if list.is_empty() {
            return None;
        }
        list.sort_by_key(|mistake| mistake.span.start);
        let mistakes = list.into_iter().map(|m| page.diagnostic(m.span, &m.message)).collect();
        Some(ConfigError::Mistakes { file: file.to_owned(), mistakes })
    }
}

/// The error for a file that is not valid UTF-8.
pub(super) fn not_utf8(file: &str, error: &FromUtf8Error) -> ConfigError {
    let at = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes());
    let message = format!("byte {:#04x} is not UTF-8; TOML files are UTF-8", error.as_bytes()[at]);
    let mistakes = vec![Page::new(file, &text).diagnostic(at..at, &message)];
    ConfigError::Mistakes { file: file.to_owned(), mistakes }
}

/// What to add to "unknown": the most similar word, or all of them.
pub(super) fn suggestion(word: &str, words: &[&str]) -> String {
    match nearest(word, words.iter().copied()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None if words.is_empty() => "none is known here".into(),
        None => format!("expected one of {}", words.join(", ")),
    }
}
