//! How a daemon has failed, told to whoever waits for its end with the pid file open.
//!
//! It stands behind the number, and is written when the file has lost its name already. Where the daemon may
//! not remove its file, whoever waits for the outcome holds a lock, and the daemon waits until that is gone,
//! a moment at most, before it empties the file.
//!
//! It is one word for a shell, and no number: `kill $(cat poetryd.pid)` does as before what it should.

use super::lock;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What an outcome begins with, behind the number and its newline, and what it ends with.
pub(super) const MARK: u8 = b'!';
const END: u8 = b'\n';

/// Instead of white space, so that it is one word.
const SPACE: char = '\u{a0}';

/// The longest outcome, in bytes. What is longer is cut.
const LONGEST: usize = 4096;

/// How long those who wait for the outcome have to read it.
const READ_WAIT: Duration = Duration::from_secs(1);

const READ_INTERVAL: Duration = Duration::from_millis(5);

/// Writes a failure behind what is in the file.
pub(super) fn write(file: &File, failure: &str) -> io::Result<()> {
    let printable = |c: char| if c.is_whitespace() || c.is_control() { SPACE } else { c };
    let mut word: String = failure.chars().map(printable).collect();
    word.truncate(word.floor_char_boundary(LONGEST));
    let bytes = [&[MARK], word.as_bytes(), &[END]].concat();
    // In one write, so that a reader sees all or nothing of it.
    file.write_all_at(&bytes, file.metadata()?.len())
}

/// The failure that was written into the file, if one was.
pub(super) fn read(file: &File) -> io::Result<Option<String>> {
    let mut bytes = vec![0; LONGEST + 64];
    let length = file.read_at(&mut bytes, 0)?;
    let content = &bytes[..length];
    let Some(start) = content.windows(2).position(|pair| pair == [b'\n', MARK]) else {
        return Ok(None);
    };
    let whole = content[start + 2..].strip_suffix(&[END]);
    Ok(whole.map(|word| String::from_utf8_lossy(word).replace(SPACE, " ")))
}

/// Waits until those who wait for an outcome have read it; a moment at most, since everybody who may read the
/// file can say that he waits.
pub(super) fn wait_until_read(file: &File) {
    let deadline = Instant::now() + READ_WAIT;
    while lock::is_waited_for(file).unwrap_or(false) && Instant::now() < deadline {
        sleep(READ_INTERVAL);
    }
}
