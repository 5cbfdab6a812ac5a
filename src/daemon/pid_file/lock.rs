//! The locks on a pid file.
//!
//! The daemon holds a write lock on the first byte as long as it lives, and one on the second byte until the
//! number in the file is correct. Only write locks count: they require permission to write, while everybody who
//! may read the file can hold a read lock on it. Version 0.1 held a write lock on the whole file, and changed it
//! to a read lock when the number was correct.
//!
//! A process that waits for the daemon's outcome (see `outcome.rs`) holds a read lock on the third byte
//! meanwhile.
//!
//! They are open-file-description locks (fcntl(2)). Such a lock belongs to the open file: it ends when the last
//! descriptor is closed, which includes the death of the process. One can test whether it is held without taking
//! it.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use std::fs::File;
use std::io;

/// A range of locked bytes: the first one, and how many.
type Bytes = (libc::off_t, libc::off_t);

const HELD: Bytes = (0, 1);
const BEING_WRITTEN: Bytes = (1, 1);
const BOTH: Bytes = (0, 2);
const WAITED_FOR: Bytes = (2, 1);

/// The locks that other processes hold on a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Others {
    /// No lock.
    Nothing,
    /// Only read locks.
    Read,
    /// A daemon's lock; the number in the file is not correct yet.
    Write,
    /// A daemon's lock; the number in the file is correct.
    Hold,
}

/// Takes the file in order to write a number into it. `false`: another process holds a lock on it, possibly only
/// a read lock.
pub(super) fn take(file: &File) -> io::Result<bool> {
    set(file, libc::F_WRLCK, BOTH)
}

/// Marks the number in a file that was taken as correct.
pub(super) fn number_is_true(file: &File) -> io::Result<()> {
    set(file, libc::F_UNLCK, BEING_WRITTEN).map(drop)
}

/// Makes sure that nobody can take the file. `false`: somebody has taken it.
pub(super) fn keep_from_being_taken(file: &File) -> io::Result<bool> {
    set(file, libc::F_RDLCK, BOTH)
}

/// Which locks other processes hold. This changes nothing.
pub(super) fn others(file: &File) -> io::Result<Others> {
    // Only write locks conflict with a read lock.
    Ok(if is_in_the_way(file, libc::F_RDLCK, HELD)? {
        match is_in_the_way(file, libc::F_RDLCK, BEING_WRITTEN)? {
            true => Others::Write,
            false => Others::Hold,
        }
    } else {
        match is_in_the_way(file, libc::F_WRLCK, BOTH)? {
            true => Others::Read,
            false => Others::Nothing,
        }
    })
}

/// Marks that this process waits for the outcome of the daemon that holds the file, or with `false` that it no
/// longer does.
pub(super) fn wait_for_outcome(file: &File, wait: bool) -> io::Result<()> {
    set(file, if wait { libc::F_RDLCK } else { libc::F_UNLCK }, WAITED_FOR).map(drop)
}

/// Whether a process waits for the outcome of the daemon that holds the file.
pub(super) fn is_waited_for(file: &File) -> io::Result<bool> {
    is_in_the_way(file, libc::F_WRLCK, WAITED_FOR)
}

fn set(file: &File, lock_type: libc::c_int, bytes: Bytes) -> io::Result<bool> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&lock_on(lock_type, bytes))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

fn is_in_the_way(file: &File, lock_type: libc::c_int, bytes: Bytes) -> io::Result<bool> {
    let mut lock = lock_on(lock_type, bytes);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock))?;
    Ok(lock.l_type != libc::F_UNLCK as i16)
}

fn lock_on(lock_type: libc::c_int, (l_start, l_len): Bytes) -> libc::flock {
    libc::flock {
        l_type: lock_type as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start,
        l_len,
        l_pid: 0,
    }
}
