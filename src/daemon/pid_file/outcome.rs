//! Reports how a daemon has failed to processes that wait for its end with the pid file open.
//!
//! The outcome is written after the number, when the file no longer has its name. If the daemon may not remove
//! its file, processes that wait for the outcome hold a lock, and the daemon waits until that is released, but
//! only for a moment, before it empties the file.
//!
//! The outcome is a single word for a shell, and not a number, so that `kill $(cat poetryd.pid)` still does what
//! it should.

use super::lock;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What an outcome begins with, after the number and its newline, and what it ends with.
pub(super) const MARK: u8 = b'!';
const END: u8 = b'\n';

/// Replaces white space, so that an outcome is a single word.
const SPACE: char = '\u{a0}';

/// The longest outcome, in bytes. A longer one is cut.
const MAX_OUTCOME_BYTES: usize = 4096;

/// How long those who wait for the outcome may take to read it.
const READ_WAIT: Duration = Duration::from_secs(1);

const READ_INTERVAL: Duration = Duration::from_millis(5);

/// Appends a failure to the file.
pub(super) fn write(file: &File, failure: &str) -> io::Result<()> {
    let printable = |c: char| if c.is_whitespace() || c.is_control() { SPACE } else { c };
    let mut word: String = failure.chars().map(printable).collect();
    word.truncate(word.floor_char_boundary(MAX_OUTCOME_BYTES));
    let bytes = [&[MARK], word.as_bytes(), &[END]].concat();
    // In one write, so that a reader sees all of it or nothing.
    file.write_all_at(&bytes, file.metadata()?.len())
}

/// The failure that was written into the file, if one was.
pub(super) fn read(file: &File) -> io::Result<Option<String>> {
    let mut bytes = vec![0; MAX_OUTCOME_BYTES + 64];
    let length = file.read_at(&mut bytes, 0)?;
    let content = &bytes[..length];
    let Some(start) = content.windows(2).position(|pair| pair == [b'\n', MARK]) else {
        return Ok(None);
    };
    let whole = content[start + 2..].strip_suffix(&[END]);
    Ok(whole.map(|word| String::from_utf8_lossy(word).replace(SPACE, " ")))
}

/// Waits until the processes that wait for an outcome have read it, but only for a moment, since everybody who
/// may read the file can claim to be waiting.
pub(super) fn wait_until_read(file: &File) {
    let deadline = Instant::now() + READ_WAIT;
    while lock::is_waited_for(file).unwrap_or(false) && Instant::now() < deadline {
        sleep(READ_INTERVAL);
    }
}
