//! A file that is named when the program starts, and read again at each reload: then the daemon may have another
//! current directory, another root directory and another user.

use crate::config::{ConfigError, STANDARD_INPUT, file_name};
use crate::daemon::NotAgain;
use crate::service::BoxError;
use nix::unistd::{Uid, geteuid};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Where descriptors have names. They mean something else after the start.
const DESCRIPTORS: [&str; 5] =
    ["/dev/fd", "/dev/stdin", "/proc/self/fd", "/proc/thread-self/fd", "/proc/self/task"];

/// A file, as it was named, and where it is whatever the current directory is.
pub(super) struct RememberedFile {
    typed: PathBuf,
    whole: PathBuf,
    /// The user that could read it at the start.
    user: Uid,
}

impl RememberedFile {
    /// A file whose name is relative to the current directory.
    pub(super) fn new(typed: PathBuf) -> Self {
        // Without a current directory, a relative name leads nowhere now, and can't be read later either.
        let whole = std::path::absolute(&typed).unwrap_or_else(|_| typed.clone());
        Self { typed, whole, user: geteuid() }
    }

    /// The name, for people.
    pub(super) fn name(&self) -> String {
        match self.is_standard_input() {
            true => "standard input".into(),
            false => file_name(&self.typed),
        }
    }

    /// Whether there is such a file, even if it can't be read. An error: that can't be seen.
    pub(super) fn exists(&self) -> io::Result<bool> {
        match self.whole.symlink_metadata() {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// As it was named.
    pub(super) fn typed(&self) -> &Path {
        &self.typed
    }

    /// Reads the file again, by calling `read` with its whole name. `in_chroot`: the daemon has another root
    /// directory now.
    ///
    /// # Errors
    /// If it can't be read a second time, or `read` fails.
    pub(super) fn read_again<T>(
        &self,
        in_chroot: bool,
        read: impl FnOnce(&Path) -> Result<T, ConfigError>,
    ) -> Result<T, BoxError> {
        self.check_again(in_chroot)?;
        read(&self.whole).map_err(|e| match e {
            ConfigError::Unreadable { source, .. } if self.is_about_the_user(&source) => {
                let (name, user) = (file_name(&self.whole), geteuid());
                let advice = "let this user read it, or restart the daemon";
                NotAgain::new(format!(
                    "can't read {name} again: the daemon is the user with id {user} now, who may not read it ({source}); {advice}"
                ))
                .into()
            }
            e => e.into(),
        })
    }

    fn is_about_the_user(&self, e: &io::Error) -> bool {
        e.kind() == ErrorKind::PermissionDenied && geteuid() != self.user
    }

    /// Whether the file can be read a second time, as far as that can be known without reading it.
    fn check_again(&self, in_chroot: bool) -> Result<(), NotAgain> {
        let name = self.name();
        let is_descriptor = DESCRIPTORS.iter().any(|names| self.whole.starts_with(names));
        let is_fifo = || fs::metadata(&self.whole).is_ok_and(|file| file.file_type().is_fifo());
        let why = if self.is_standard_input() {
            "it can be read only once; put the application into a file, and restart the daemon with that"
        } else if is_descriptor {
            "it was a descriptor of the process that started the daemon; put the application into a file, and restart the daemon with that"
        } else if in_chroot {
            "it is outside the root directory of the daemon (--chroot); restart the daemon instead"
        } else if is_fifo() {
            "it is a FIFO, which can be read only once; put the application into a file, and restart the daemon with that"
        } else {
            return Ok(());
        };
        Err(NotAgain::new(format!("can't read {name} again: {why}")))
    }

    fn is_standard_input(&self) -> bool {
        self.typed == Path::new(STANDARD_INPUT)
    }
}
