//! The pid file: who runs here, and the lock that makes it one.
//!
//! The lock is what counts, not the number: a file that nobody holds locked is stale, whatever is in it.
//! It is an open-file-description lock (fcntl(2)), which belongs to the open file: it ends when the last
//! descriptor is closed, so also when the process dies, and can be asked about without being taken. It is
//! a write lock until the number is written, then a read lock. Both keep others out; the second says that
//! the number is true.

mod content;

use content::{is_file_of_name, open, refuse_other_files};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long to wait for the number of a daemon that holds the lock but has not written it yet.
const PATIENCE: Duration = Duration::from_secs(1);

/// Everybody may read it: `kill $(cat poetryd.pid)`.
const MODE: u32 = 0o644;

/// How often a file may turn out not to be the one of that name any more, while it is being locked.
const ATTEMPTS: usize = 100;

/// A pid file that this process holds.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    file: File,
    removed: bool,
}

/// Why a pid file can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PidFileError {
    /// Another daemon holds it.
    #[error("already running with pid {pid} (pid file {}); stop it with: kill {pid}", path.display())]
    Running {
        /// The pid in the file.
        pid: u32,
        /// The file.
        path: PathBuf,
    },
    /// Another process holds it and does not say who it is.
    #[error("another process holds the pid file {} and has not written its pid", path.display())]
    Anonymous {
        /// The file.
        path: PathBuf,
    },
    /// It can't be opened, locked or written.
    #[error("can't use the pid file {}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
        /// Whether another user might be allowed to.
        permission: bool,
    },
}

impl PidFileError {
    pub(super) fn is_about_permission(&self) -> bool {
        matches!(self, PidFileError::Unusable { permission: true, .. })
    }
}

impl PidFile {
    /// Creates the file, or takes over a stale one that holds no more than a number, and writes this process's pid and a newline into it.
    ///
    /// # Errors
    /// If another process holds the lock, or the file could be something else than a pid file. The file is
    /// then as it was.
    pub(super) fn acquire(path: &Path) -> Result<Self, PidFileError> {
        let path = std::path::absolute(path).map_err(|e| unusable(path, &e))?;
        for _ in 0..ATTEMPTS {
            let file = open(&path, MODE).map_err(|e| unusable(&path, &e))?;
            match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))) {
                Ok(_) => {}
                Err(Errno::EAGAIN | Errno::EACCES) => match wait_for_pid(&path, &file)? {
                    Some(pid) => return Err(PidFileError::Running { pid, path }),
                    None => continue, // its owner has just ended
                },
                Err(e) => return Err(unusable(&path, &e.into())),
            }
            // Between opening and locking, the last owner may have removed it.
            if is_file_of_name(&file, &path) {
                refuse_other_files(&file).map_err(|e| unusable(&path, &e))?;
                let mut pid_file = Self { path, file, removed: false };
                pid_file.write_pid().map_err(|e| unusable(&pid_file.path, &e))?;
                return Ok(pid_file);
            }
        }
        let reason = "it is being replaced all the time".into();
        Err(PidFileError::Unusable { path, reason, permission: false })
    }

    fn write_pid(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        // Whatever the umask.
        self.file.set_permissions(Permissions::from_mode(MODE))?;
        // In one write, so that a reader sees a whole line or none.
        self.file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        fcntl(&self.file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_RDLCK)))?;
        Ok(())
    }

    /// Removes the file, or empties it where this user may not remove it: an empty unlocked file is
    /// stale. The lock is given up last.
    pub(super) fn remove(mut self) -> io::Result<()> {
        self.removed = true;
        self.remove_or_empty()
    }

    fn remove_or_empty(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()), // somebody has removed it already
            Ok(_) if !is_file_of_name(&self.file, &self.path) => Ok(()), // and put another one there
            Ok(_) => fs::remove_file(&self.path).or_else(|_| self.file.set_len(0)),
            Err(_) => self.file.set_len(0), // this user may not even look
        }
    }
}

/// However the daemon ends, short of being killed, no wrong pid stays behind.
impl Drop for PidFile {
    fn drop(&mut self) {
        if !self.removed {
            let _ = self.remove_or_empty();
        }
    }
}

/// The pid of the daemon that holds this pid file. `None`: nobody does.
///
/// # Errors
/// If the file can't be read, or is held by a process that does not say who it is.
pub(super) fn holder(path: &Path) -> Result<Option<u32>, PidFileError> {
    let path = std::path::absolute(path).map_err(|e| unusable(path, &e))?;
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unusable(&path, &e)),
    };
    wait_for_pid(&path, &file)
}

/// The pid of the process that holds the lock, after waiting a moment for it to be written. `None`: nobody
/// holds the lock.
fn wait_for_pid(path: &Path, file: &File) -> Result<Option<u32>, PidFileError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut lock = whole_file(libc::F_WRLCK);
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock)).map_err(|e| unusable(path, &e.into()))?;
        if lock.l_type == libc::F_UNLCK as i16 {
            return Ok(None);
        }
        let number = content::number(file).map_err(|e| unusable(path, &e))?;
        if let (Some(pid), true) = (number, lock.l_type == libc::F_RDLCK as i16) {
            return Ok(Some(pid));
        }
        if Instant::now() >= deadline {
            return Err(PidFileError::Anonymous { path: path.into() });
        }
        sleep(Duration::from_millis(10));
    }
}

fn whole_file(lock_type: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: lock_type as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn unusable(path: &Path, error: &io::Error) -> PidFileError {
    let reason = match error.raw_os_error() {
        Some(libc::ELOOP) => "it is a symbolic link; name the file itself".into(),
        _ => error.to_string(),
    };
    let permission = error.kind() == io::ErrorKind::PermissionDenied;
    PidFileError::Unusable { path: path.into(), reason, permission }
}
