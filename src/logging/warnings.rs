//! The last warnings and errors, kept for whoever asks the process.

use super::line::{Line, append_message};
use crate::sync::Mutex;
use std::collections::VecDeque;
use std::time::SystemTime;
use tracing::Level;

/// How many are kept.
const MAX_WARNINGS: usize = 50;

/// How many bytes of each text are kept.
const MAX_TEXT_BYTES: usize = 1024;

/// What a text that was cut ends in.
const CUT: char = '…';

/// A warning or an error that was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedWarning {
    /// When it was logged.
    pub time: SystemTime,
    /// Its level.
    pub level: Level,
    /// The path of the service that has logged it; `-` is the process itself.
    pub path: String,
    /// The message, with the values that the log shows after it. Control characters are escaped.
    pub message: String,
}

/// The last warnings and errors, the oldest first.
#[derive(Default)]
pub(super) struct Warnings(Mutex<VecDeque<LoggedWarning>>);

impl Warnings {
    /// Keeps this one, and forgets the oldest if there are too many.
    pub(super) fn keep(&self, line: &Line<'_>) {
        let mut message = String::new();
        append_message(line.fields, &mut message);
        let (path, message) = (shortened(line.path.to_owned()), shortened(message));
        let warning = LoggedWarning { time: line.time, level: line.level, path, message };
        let mut warnings = self.0.lock();
        if warnings.len() >= MAX_WARNINGS {
            warnings.pop_front();
        }
        warnings.push_back(warning);
    }

    pub(super) fn list(&self) -> Vec<LoggedWarning> {
        self.0.lock().iter().cloned().collect()
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES - CUT.len_utf8()));
        text.push(CUT);
    }
    text.shrink_to_fit();
    text
}
