//! The files of Unix sockets: creates them with the right mode, takes them over, and removes them.

use super::endpoint::{is_abstract, unix_address};
use super::mode::bind_with_mode;
use crate::file_id::FileId;
use crate::service::Files;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use socket2::{Domain, Socket, Type};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tracing::warn;
#[cfg(feature = "control")]
use {
    nix::fcntl::AtFlags,
    nix::unistd::{Gid, Uid, fchownat, geteuid},
    std::os::unix::fs::MetadataExt,
};

/// A socket's name in the file system.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    id: FileId,
}

/// What a file name that is meant for a Unix socket refers to.
#[derive(Debug, PartialEq)]
enum Found {
    Nothing,
    /// A socket that no process has open.
    Stale,
    /// A socket that a process has open, or that this user may not connect to.
    Open,
    /// Not a socket.
    Other,
}

/// A new Unix socket that listens at `path` and that users who may write according to `mode` can connect to. An
/// abstract name has neither a file nor a mode.
pub(super) fn bind(
    path: &Path,
    mode: u32,
    backlog: i32,
    before_listen: fn(BorrowedFd<'_>),
) -> io::Result<(Socket, Option<SocketFile>)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    let address = unix_address(path)?;
    let file = if is_abstract(path) {
        socket.bind(&address)?;
        None
    } else {
        too_long(path).map_or(Ok(()), |why| Err(io::Error::other(why)))?;
        make_way(path)?;
        bind_with_mode(&socket, &address, path, mode)?;
        Some(SocketFile::of(path)?)
    };
    before_listen(socket.as_fd());
    socket.listen(backlog)?;
    Ok((socket, file))
}

/// Whether clients that connect to this name reach an open socket, and its file has this mode. If a socket of
/// this process was bound to the name, and the file has not been replaced, it is that socket.
pub(super) fn is_reachable(path: &Path, mode: u32) -> bool {
    let has_mode = || {
        let file = fs::symlink_metadata(path);
        file.is_ok_and(|file| file.permissions().mode() & 0o777 == mode)
    };
    is_abstract(path) || (find(path).is_ok_and(|found| found == Found::Open) && has_mode())
}

/// Removes the file of a socket that has just been closed, unless another socket has been opened with its name.
pub(super) fn remove_stale(path: &Path) {
    if !is_abstract(path)
        && find(path).is_ok_and(|found| found == Found::Stale)
        && let Err(e) = fs::remove_file(path)
    {
        warn!("can't remove the socket {}: {e}; the next start will", path.display());
    }
}

/// Returns the path of a Unix socket, as seen from outside the directory or root where its service would run, if
/// the service can listen there.
///
/// # Errors
/// If its directory does not exist, or there is a file with its name that is not a socket.
pub fn check_unix_path(path: &Path, files: &Files) -> io::Result<PathBuf> {
    if is_abstract(path) {
        return Ok(path.into());
    }
    let path = files.find(path);
    let path = std::path::absolute(&path).unwrap_or(path);
    let failed = |why: &str| {
        Err(io::Error::other(format!("can't listen on the socket {}: {why}", path.display())))
    };
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    match fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return failed(&format!("{} is not a directory", directory.display())),
        Err(e) => return failed(&format!("its directory {}: {e}", directory.display())),
    }
    if let Some(why) = too_long(&path) {
        return failed(&why);
    }
    match find(&path) {
        Ok(Found::Other) => failed(NOT_A_SOCKET),
        Ok(_) => Ok(path),
        Err(e) => failed(&e.to_string()),
    }
}

/// How long a socket's path may be, in bytes: the size of `sun_path`, see unix(7), without its NUL.
const LONGEST_PATH: usize = 107;

/// Why a name is too long for a socket: its full path counts.
fn too_long(path: &Path) -> Option<String> {
    let length = path.as_os_str().as_bytes().len();
    (length > LONGEST_PATH).then(|| {
        format!("the full path has {length} bytes, but a socket's may have at most {LONGEST_PATH}; choose a shorter path or rundir")
    })
}

const REPLACED: &str = "another file has been put in its place";

const NOT_A_SOCKET: &str = "there is a file with that name that is not a socket";

/// Removes a socket file that was left behind by a server that was killed.
fn make_way(path: &Path) -> io::Result<()> {
    match find(path)? {
        Found::Nothing => Ok(()),
        Found::Stale => fs::remove_file(path),
        Found::Open => Err(io::Error::other("another process listens on it")),
        Found::Other => Err(io::Error::other(NOT_A_SOCKET)),
    }
}

fn find(path: &Path) -> io::Result<Found> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(e) => return Err(e),
    };
    if !kind.is_socket() {
        return Ok(Found::Other);
    }
    // A datagram socket can't be connected to a stream socket, but the kernel's error tells whether that is open,
    // without creating a client that would have to be accepted.
    let probe = Socket::new(Domain::UNIX, Type::DGRAM.nonblocking(), None)?;
    match probe.connect(&unix_address(path)?) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => Ok(Found::Stale),
        _ => Ok(Found::Open),
    }
}

impl SocketFile {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.into(), id: FileId::of(&fs::symlink_metadata(path)?) })
    }

    /// Gives the file to this user and group. Whoever may write to the directory could have put another file in its
    /// place: that is left alone.
    #[cfg(feature = "control")]
    pub(super) fn give(&self, user: u32, group: u32, mode: u32) -> io::Result<()> {
        let file = self.refer_to()?;
        let metadata = file.metadata()?;
        let is_ours = metadata.file_type().is_socket()
            && FileId::of(&metadata) == self.id
            && metadata.nlink() == 1
            && metadata.uid() == geteuid().as_raw()
            && metadata.permissions().mode() & 0o777 == mode;
        if !is_ours {
            return Err(io::Error::other(REPLACED));
        }
        let (user, group) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
        Ok(fchownat(&file, "", user, group, AtFlags::AT_EMPTY_PATH)?)
    }

    /// Whether the permissions can be changed: gives the file those that it has.
    ///
    /// # Errors
    /// As [`set_mode`](Self::set_mode).
    pub(super) fn check_mode_can_change(&self) -> io::Result<()> {
        let mode = fs::symlink_metadata(&self.path)?.permissions().mode();
        self.set_mode(mode & 0o7777)
    }

    /// Changes the permissions. If somebody replaces the file meanwhile, the other file is left alone.
    ///
    /// # Errors
    /// If another user has the file, or it has been removed or replaced, or `/proc` is not there.
    pub(super) fn set_mode(&self, mode: u32) -> io::Result<()> {
        let file = self.refer_to()?;
        if FileId::of_descriptor(&file)? != self.id {
            return Err(io::Error::other(REPLACED));
        }
        // fchmod(2) refuses such a descriptor, and fchmodat2(2) is missing in older kernels.
        let same = format!("/proc/self/fd/{}", file.as_raw_fd());
        fs::set_permissions(same, fs::Permissions::from_mode(mode))
    }

    /// Opens the path without following a link. The descriptor refers to one file from then on.
    fn refer_to(&self) -> io::Result<fs::File> {
        // Not with OpenOptions, which drop O_PATH where musl is the C library: there it is part of O_ACCMODE.
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(open(&self.path, flags, Mode::empty())?.into())
    }

    /// Removes the file, unless it has been replaced.
    pub(super) fn remove(self) {
        if let Err(e) = self.try_to_remove() {
            warn!("can't remove the socket {}: {e}; the next start will", self.path.display());
        }
    }

    /// The same, for a file that may just as well stay.
    #[cfg(feature = "control")]
    pub(super) fn remove_if_permitted(self) {
        match self.try_to_remove() {
            Err(e) if e.kind() != io::ErrorKind::PermissionDenied => {
                warn!("can't remove the socket {}: {e}; the next start will", self.path.display());
            }
            _ => {}
        }
    }

    fn try_to_remove(&self) -> io::Result<()> {
        let now = fs::symlink_metadata(&self.path).map(|metadata| FileId::of(&metadata));
        if now.is_ok_and(|id| id == self.id) { fs::remove_file(&self.path) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
