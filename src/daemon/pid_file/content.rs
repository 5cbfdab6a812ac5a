//! Which files can be pid files, and the number in them.

use super::outcome::MARK;
use crate::file_id::FileId;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Everybody may read a pid file: `kill $(cat poetryd.pid)`.
pub(super) const MODE: u32 = 0o644;

/// One byte more than the longest number with its newline. If the daemon has failed, that byte begins the
/// outcome.
const MAX_PREFIX_BYTES: usize = 12;

/// The content of a file, as far as it matters here.
#[derive(Debug, PartialEq)]
enum Content {
    Nothing,
    /// A decimal number and a newline, and possibly an outcome.
    Number(u32),
    /// Anything else.
    Other,
}

impl Content {
    fn read(file: &File) -> io::Result<Self> {
        let mut bytes = [0; MAX_PREFIX_BYTES];
        let length = file.read_at(&mut bytes, 0)?;
        Ok(Self::parse(&bytes[..length]))
    }

    fn parse(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Content::Nothing;
        }
        let newline = bytes.iter().position(|byte| *byte == b'\n');
        let (line, rest) = newline.map_or((bytes, None), |at| (&bytes[..at], bytes.get(at + 1)));
        let is_number = newline.is_some() && line.iter().all(u8::is_ascii_digit);
        let digits = Some(line).filter(|_| is_number && rest.is_none_or(|byte| *byte == MARK));
        let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        number.map_or(Content::Other, Content::Number)
    }
}

/// The number in a file. `None`: there is none, or there is something else as well.
pub(super) fn number(file: &File) -> io::Result<Option<u32>> {
    match Content::read(file)? {
        Content::Number(number) => Ok(Some(number)),
        Content::Nothing | Content::Other => Ok(None),
    }
}

/// Opens a file that is to become the pid file, or creates it.
///
/// Symbolic links are not followed: a daemon started by root must not be tricked into writing to another file.
pub(super) fn open(path: &Path, mode: u32) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(mode)
        .custom_flags(flags)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

/// Refuses a file that may be something else than a pid file, since a pid file is overwritten, and deleted at the
/// stop.
pub(super) fn refuse_other_files(file: &File) -> io::Result<()> {
    let problem = if file.metadata()?.nlink() > 1 {
        "it has more than one name (hard links)"
    } else if Content::read(file)? == Content::Other {
        "it does not look like a pid file (empty, or one number and a newline)"
    } else {
        return Ok(());
    };
    let advice = "it was left as it was; name another file with --pidfile";
    Err(io::Error::other(format!("{problem}; {advice}")))
}

/// Whether an open file is still the one with this name.
pub(super) fn is_file_of_name(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(own), Ok(named)) => FileId::of(&own) == FileId::of(&named),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
