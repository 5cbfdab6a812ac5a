//! Who holds a pid file.

use super::content;
use super::lock::{self, Others};
use crate::daemon::process;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// How long to wait for the number of a daemon that holds the file but has not written its number yet.
const NUMBER_WAIT: Duration = Duration::from_secs(1);

const NUMBER_INTERVAL: Duration = Duration::from_millis(10);

/// Who holds a pid file.
pub(super) enum Holder {
    /// No process.
    Nobody,
    /// No daemon, but other processes hold read locks on it.
    Readers,
    /// A process that has not written its pid.
    Unknown,
    /// The daemon with this pid.
    Daemon(u32),
    /// The daemon with this pid, of version 0.1.
    Older(u32),
}

/// Who holds the file. Waits a moment for the number to be written, by calling `pause`.
pub(super) fn find(file: &File, pause: fn(Duration)) -> io::Result<Holder> {
    let deadline = Instant::now() + NUMBER_WAIT;
    loop {
        let others = lock::others(file)?;
        match (others, content::number(file)?) {
            (Others::Nothing, _) => return Ok(Holder::Nobody),
            (Others::Read, Some(pid)) if is_version_0_1(pid, file)? => {
                return Ok(Holder::Older(pid));
            }
            (Others::Read, _) => return Ok(Holder::Readers),
            (Others::Hold, Some(pid)) => return Ok(Holder::Daemon(pid)),
            (Others::Write | Others::Hold, _) => {}
        }
        if Instant::now() >= deadline {
            return Ok(Holder::Unknown);
        }
        pause(NUMBER_INTERVAL);
    }
}

/// Whether a process can be the daemon that holds a read lock on a file with its number in it. Anybody can lock a
/// stale file for reading, but only a daemon has it open for writing.
fn is_version_0_1(pid: u32, file: &File) -> io::Result<bool> {
    if pid == std::process::id() {
        return Ok(false); // this process has just opened it itself
    }
    let file = file.metadata()?;
    // If this process may not see that: a daemon started by root may have become any user, other daemons can't.
    let plausible = || process::user(pid).is_some_and(|user| file.uid() == 0 || file.uid() == user);
    Ok(process::writes(pid, &file).unwrap_or_else(plausible))
}
