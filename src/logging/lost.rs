//! Log lines that are lost, and how they are counted.

use std::io;

/// Lines that could not be written.
pub(super) struct Lost {
    pub(super) lines: usize,
    pub(super) why: io::Error,
}

/// The end of a log is lost.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LostLines {
    /// This many lines could not be written.
    #[error("the last {0} log lines are lost: they could not be written")]
    Unwritten(usize),
    /// The log accepts nothing any more, so the number of lost lines is unknown.
    #[error("the last log lines are lost: the log took too long")]
    Stuck,
}

/// Sends each line by itself, without its newline. An error that `concerns_one` line loses only that one; after any
/// other, nothing more is sent.
pub(super) fn send_each(
    lines: &[u8],
    mut send: impl FnMut(&[u8]) -> io::Result<()>,
    concerns_one: impl Fn(&io::Error) -> bool,
) -> Result<(), Lost> {
    let mut lost = None;
    let mut rest = lines;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        if let Err(why) = send(&rest[..end]) {
            let before = lost.map_or(0, |lost: Lost| lost.lines);
            if !concerns_one(&why) {
                return Err(Lost { lines: before + count_lines(rest), why });
            }
            lost = Some(Lost { lines: before + 1, why });
        }
        rest = &rest[end + 1..];
    }
    lost.map_or(Ok(()), Err)
}

/// The length of the first line, including its newline.
pub(super) fn first_line(lines: &[u8]) -> usize {
    lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |at| at + 1)
}

pub(super) fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}
