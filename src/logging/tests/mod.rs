//! What a line looks like, and how it gets into a file.

mod journal;
mod lines;
mod queue;
mod rotation;
mod warnings;
mod writing;

use super::clock::Clock;
use super::event_fields::{EventFields, Field};
use super::line::{Format, Formatter, Line, Style};
use super::rotating::named_after;
use super::rotating::{FileSettings, RotatingFile, Rotation};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::TempDir;
use tracing::Level;

fn formatter(format: Format, style: Style) -> Formatter {
    Formatter::new(format, style, Clock::system())
}

fn settings(rotation: Rotation) -> FileSettings {
    FileSettings { rotation, mode: None, owner: None, clock: Clock::system() }
}

/// A directory with a log in it.
struct LogFile {
    directory: TempDir,
}

impl LogFile {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("test.log")
    }

    fn open(&self, rotate_at: u64, keep: usize) -> RotatingFile {
        let rotation = Rotation { rotate_at, keep, every: None };
        RotatingFile::open(&self.path(), settings(rotation)).unwrap()
    }

    /// Puts a file there that can't grow while it is open here. When it has been removed, a rotation opens one that
    /// can.
    fn put_full_file(&self) -> OwnedFd {
        let full = memfd_create("full", MFdFlags::MFD_ALLOW_SEALING).unwrap();
        fcntl(&full, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_GROW)).unwrap();
        let name = format!("/proc/self/fd/{}", full.as_raw_fd());
        symlink(name, self.path()).unwrap();
        full
    }

    /// The log and its rotated files, the newest first.
    fn files(&self) -> Vec<String> {
        let rotated = (1..).map(|number| named_after(&self.path(), number));
        let files = std::iter::once(self.path()).chain(rotated);
        files.map_while(|file| fs::read_to_string(file).ok()).collect()
    }
}

fn write(file: &mut RotatingFile, lines: &str) {
    assert!(file.write_lines(lines.as_bytes()).is_ok(), "lines were lost: {lines:?}");
}
