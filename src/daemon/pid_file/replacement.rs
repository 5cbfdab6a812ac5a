//! Replaces a stale pid file on which another process holds a read lock.
//!
//! If several daemons started at the same time, each would replace the file of the one before. So this is done
//! under a write lock on another file, which only the daemon's user may open, and which is never removed.

use super::content::{MODE, is_file_of_name, open, refuse_other_files};
use super::holder::{self, Holder};
use super::lock;
use crate::daemon::signals::sleep_until_stopped;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long to wait for another start that replaces the same file.
const TURN_WAIT: Duration = Duration::from_secs(5);

const TURN_INTERVAL: Duration = Duration::from_millis(10);

/// Replaces a stale file on which others hold read locks with a new one, taken by this process. `None`: nobody
/// holds a read lock, or not any more.
pub(super) fn replace(path: &Path) -> io::Result<Option<File>> {
    let _turn = take_turn(path)?;
    let old = open(path, MODE)?;
    // From here on nobody can take the old file, which is about to lose its name.
    if !lock::keep_from_being_taken(&old)? || !is_file_of_name(&old, path) {
        return Ok(None);
    }
    if !matches!(holder::find(&old, sleep_until_stopped)?, Holder::Readers) {
        return Ok(None);
    }
    refuse_other_files(&old)?;
    let new = path.with_file_name(hidden(path, ".new"));
    let replaced = take_new(&new).and_then(|file| fs::rename(&new, path).map(|()| file));
    if replaced.is_err() {
        let _ = fs::remove_file(&new); // what matters is why there is no pid file
    }
    replaced.map(Some).map_err(|e| in_the_way(&e))
}

/// Creates a file, taken by this process. Only the process that holds the side lock does this, so an existing
/// file is a leftover.
fn take_new(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let options = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).to_owned();
    let file = options.open(path)?;
    if lock::take(&file)? {
        Ok(file)
    } else {
        Err(io::Error::other("another process has locked a file that was only just created"))
    }
}

/// Waits until no other process is replacing this pid file. The lock ends when the file is closed.
fn take_turn(path: &Path) -> io::Result<File> {
    let side = side_file(path);
    let failed = |e: io::Error| {
        in_the_way(&io::Error::new(e.kind(), format!("can't lock {}: {e}", side.display())))
    };
    let file = open(&side, 0o600).map_err(failed)?;
    let deadline = Instant::now() + TURN_WAIT;
    while !lock::take(&file).map_err(failed)? {
        if Instant::now() >= deadline {
            return Err(failed(io::Error::other("another process holds a lock on it")));
        }
        sleep_until_stopped(TURN_INTERVAL);
    }
    Ok(file)
}

/// The lock file of `poetryd.pid` is `.poetryd.pid.lock` in the same directory.
fn side_file(path: &Path) -> PathBuf {
    path.with_file_name(hidden(path, ".lock"))
}

fn hidden(path: &Path, suffix: &str) -> OsString {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    name
}

fn in_the_way(error: &io::Error) -> io::Error {
    let explanation =
        "another process holds a read lock on it (fuser shows which), and it can't be replaced";
    io::Error::new(error.kind(), format!("{explanation}: {error}"))
}
