//! A log file that is rotated by size, by the calendar or on request, and reopened when it has been moved away.

use super::clock::{Clock, Period};
use super::lost::{Lost, count_lines, first_line};
use super::stream::Stream;
use crate::file_id::FileId;
use nix::unistd::geteuid;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How long after a failed rotation the next one is attempted.
const ROTATE_RETRY_DELAY: Duration = Duration::from_secs(10);

/// When a log file is rotated: `poetryd.log` becomes `poetryd.log.1`, `.1` becomes `.2`, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// A file is rotated before it would grow beyond this many bytes.
    pub rotate_at: u64,
    /// How many rotated files are kept.
    pub keep: usize,
    /// A file is also rotated when this period is over, with the first line after it.
    pub every: Option<Period>,
}

impl Default for Rotation {
    /// At 1,000,000 bytes, as in twistd. Ten rotated files are kept.
    fn default() -> Self {
        Self { rotate_at: 1_000_000, keep: 10, every: None }
    }
}

/// The settings of a log file.
pub(super) struct FileSettings {
    pub(super) rotation: Rotation,
    /// Its permissions, if they have to change.
    pub(super) mode: Option<u32>,
    /// The user and group that will write to it.
    pub(super) owner: Option<(u32, u32)>,
    pub(super) clock: Clock,
}

/// New settings of an open log file.
pub(super) struct FileChange {
    pub(super) rotation: Rotation,
    /// Its permissions, if they have to change.
    pub(super) mode: Option<u32>,
}

/// A log file. It never stops: if it can't be rotated, it continues to grow, and reports the problem.
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    settings: FileSettings,
    /// When the file's period ends.
    period_end: Option<SystemTime>,
    /// The file's length; `None` for a file that is not regular, and so is only written to.
    length: Option<u64>,
    /// The streams that are redirected to the file.
    led: &'static [Stream],
    retry_at: Option<Instant>,
    /// The problem with the last failed rotation, until it is reported.
    problem: Option<String>,
}

impl RotatingFile {
    /// Opens the file. With an `owner`, the file is opened by one user and written to by another: a regular file
    /// is then given to the owner, and must not be a link that the owner could have made.
    pub(super) fn open(path: &Path, settings: FileSettings) -> io::Result<Self> {
        // Relative names have to mean the same file for ever, even if the process changes its directory.
        let path = std::path::absolute(path)?;
        let (file, length) = open_for_append(&path, settings.owner)?;
        if let (Some(mode), Some(_)) = (settings.mode, length) {
            set_mode(&file, mode)?;
        }
        let (period_end, led, retry_at, problem) = (None, &[][..], None, None);
        let mut log = Self { path, file, settings, period_end, length, led, retry_at, problem };
        // The lines of an earlier run may belong to an earlier period.
        log.begin_period(log.written().unwrap_or_else(SystemTime::now));
        Ok(log)
    }

    /// When the last line was written, if the file has lines.
    fn written(&self) -> Option<SystemTime> {
        let metadata = self.file.metadata().ok().filter(|_| self.length > Some(0));
        metadata.and_then(|metadata| metadata.modified().ok())
    }

    /// Redirects these streams to the file, now and after each rotation. Returns whether it is a regular file:
    /// others are not used for this.
    pub(super) fn lead(&mut self, streams: &'static [Stream]) -> io::Result<bool> {
        if self.length.is_none() {
            return Ok(false);
        }
        self.led = streams;
        self.led.iter().try_for_each(|stream| stream.lead_to(&self.file))?;
        Ok(true)
    }

    /// Writes whole lines, and rotates if the size requires it. A regular file never has an incomplete line.
    pub(super) fn write_lines(&mut self, mut lines: &[u8]) -> Result<(), Lost> {
        if !self.led.is_empty() && self.length.is_some() {
            self.length = self.file.metadata().map(|now| now.len()).ok().or(self.length);
        }
        self.end_period();
        let mut lost = None;
        while !lines.is_empty() {
            let fitting = match self.fitting(lines) {
                0 => {
                    self.rotate();
                    self.fitting(lines).max(first_line(lines))
                }
                fitting => fitting,
            };
            let (now, later) = lines.split_at(fitting);
            if let Err(Lost { lines, why }) = self.write_or_undo(now) {
                let before = lost.map_or(0, |lost: Lost| lost.lines);
                lost = Some(Lost { lines: before + lines, why });
            }
            lines = later;
        }
        lost.map_or(Ok(()), Err)
    }

    /// On request: rotates the file. If it no longer has its name, opens the file with that name instead.
    pub(super) fn rotate_or_reopen(&mut self) {
        self.retry_at = None;
        if self.length.is_some() {
            self.rotate();
        }
    }

    /// Changes the settings. A mode that can't be set is reported as a problem.
    pub(super) fn change(&mut self, change: FileChange) {
        let FileChange { rotation, mode } = change;
        let has_new_period = rotation.every != self.settings.rotation.every;
        (self.settings.rotation, self.settings.mode) = (rotation, mode);
        if has_new_period {
            self.begin_period(self.written().unwrap_or_else(SystemTime::now));
        }
        self.remove_surplus();
        if let (Some(mode), Some(_)) = (mode, self.length)
            && let Err(e) = set_mode(&self.file, mode)
        {
            let file = self.path.display();
            self.problem = Some(format!("can't change the mode of the log file {file}: {e}"));
        }
    }

    /// Removes rotated files beyond the number to keep, which may be left from an earlier run that kept more.
    pub(super) fn remove_surplus(&mut self) {
        if self.length.is_none() {
            return;
        }
        for (number, file) in rotated_files(&self.path) {
            if number > self.settings.rotation.keep
                && let Err(e) = fs::remove_file(&file)
            {
                let file = file.display();
                self.problem = Some(format!(
                    "can't remove {file}, a rotated log file that is no longer kept: {e}"
                ));
            }
        }
    }

    fn begin_period(&mut self, time: SystemTime) {
        let settings = &self.settings;
        self.period_end =
            settings.rotation.every.and_then(|period| settings.clock.end_of(period, time));
    }

    /// Rotates if the file's period is over.
    fn end_period(&mut self) {
        let now = SystemTime::now();
        if self.length.is_none() || self.waits() || self.period_end.is_none_or(|end| now < end) {
            return;
        }
        if self.length > Some(0) {
            self.rotate();
        }
        if !self.waits() {
            self.begin_period(now);
        }
    }

    /// Whether a rotation failed so recently that it is not attempted again yet.
    fn waits(&self) -> bool {
        self.retry_at.is_some_and(|at| Instant::now() < at)
    }

    /// The problem with the last rotation. It is returned only once.
    pub(super) fn take_problem(&mut self) -> Option<String> {
        self.problem.take()
    }

    /// How many bytes of whole lines can be written before the next rotation.
    fn fitting(&self, lines: &[u8]) -> usize {
        let Some(length) = self.length else { return lines.len() };
        let room = self.settings.rotation.rotate_at.saturating_sub(length);
        if self.waits() || lines.len() as u64 <= room {
            return lines.len();
        }
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(lines.len());
        let whole = lines[..room].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if length == 0 { whole.max(first_line(lines)) } else { whole }
    }

    fn write_or_undo(&mut self, lines: &[u8]) -> Result<(), Lost> {
        let mut written = 0;
        let failure = loop {
            match self.file.write(&lines[written..]) {
                Ok(0) => break io::ErrorKind::WriteZero.into(),
                Ok(n) => written += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break e,
            }
            if written == lines.len() {
                self.length = self.length.map(|length| length + written as u64);
                return Ok(());
            }
        };
        // Removes the beginning of the line that did not fit, so that the next one starts on a new line.
        let whole = lines[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if let Some(length) = &mut self.length {
            *length += whole as u64;
            let in_part = (written - whole) as u64;
            // The file's own length, since somebody else may have truncated it meanwhile.
            let _ = self.file.metadata().and_then(|now| self.file.set_len(now.len() - in_part));
        }
        Err(Lost { lines: count_lines(&lines[whole..]), why: failure })
    }

    /// Moves the file away and opens a new one; or opens the one that has taken its name.
    fn rotate(&mut self) {
        let moved = if self.is_file_of_name() { self.move_on() } else { self.reopen() };
        match moved {
            Ok(()) => {
                self.retry_at = None;
                // Can't fail, since the descriptors are open.
                self.led.iter().for_each(|stream| _ = stream.lead_to(&self.file));
            }
            Err(e) => self.cant_rotate(&format!("can't rotate the log: {e}")),
        }
    }

    /// The new file is opened before anything is moved, so that a failure changes nothing.
    fn move_on(&mut self) -> io::Result<()> {
        let new = named_after(&self.path, "new");
        let opened = open_for_append(&new, self.settings.owner)?;
        let alike = make_alike(&opened.0, &self.file);
        self.move_files().inspect_err(|_| drop(fs::remove_file(&new)))?;
        fs::rename(&new, &self.path)?;
        (self.file, self.length) = opened;
        if let Err(e) = alike {
            let problem = "the new log file does not have the mode, owner and group of the old one";
            self.problem = Some(format!("{problem}: {e}"));
        }
        self.remove_surplus();
        Ok(())
    }

    /// The open file, to wait for it.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    fn is_file_of_name(&self) -> bool {
        match (self.file.metadata(), fs::metadata(&self.path)) {
            (Ok(own), Ok(named)) => FileId::of(&own) == FileId::of(&named),
            _ => false,
        }
    }

    /// Renames the file to `.1`, `.1` to `.2`, and so on to the first free number, starting with the highest. The
    /// last one is overwritten, so that only `keep` of them are left.
    fn move_files(&self) -> io::Result<()> {
        let keep = self.settings.rotation.keep;
        let free =
            (1..keep).find(|number| !named_after(&self.path, number).exists()).unwrap_or(keep);
        for number in (1..free).rev() {
            fs::rename(named_after(&self.path, number), named_after(&self.path, number + 1))?;
        }
        fs::rename(&self.path, named_after(&self.path, 1))
    }

    fn reopen(&mut self) -> io::Result<()> {
        (self.file, self.length) = open_for_append(&self.path, self.settings.owner)?;
        Ok(())
    }

    fn cant_rotate(&mut self, why: &str) {
        if self.retry_at.is_none() {
            self.problem = Some(format!("{why}; logging continues in the file that is open"));
        }
        self.retry_at = Some(Instant::now() + ROTATE_RETRY_DELAY);
    }
}

/// The name of a file next to the log: `poetryd.log.1`.
pub(super) fn named_after(path: &Path, suffix: impl Display) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{suffix}"));
    name.into()
}

/// The rotated files of a log, with their numbers.
fn rotated_files(path: &Path) -> Vec<(usize, PathBuf)> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let number = |entry: fs::DirEntry| {
        let file = entry.file_name();
        let suffix = file.as_bytes().strip_prefix(name.as_bytes())?.strip_prefix(b".")?;
        let number: usize = str::from_utf8(suffix).ok()?.parse().ok()?;
        let path = named_after(path, number);
        (path.file_name() == Some(&file)).then_some((number, path))
    };
    fs::read_dir(directory).into_iter().flatten().flatten().filter_map(number).collect()
}

/// Gives a file the owner, group and mode of another one.
fn make_alike(new: &File, old: &File) -> io::Result<()> {
    let (new_now, old) = (new.metadata()?, old.metadata()?);
    let owned = if (new_now.uid(), new_now.gid()) == (old.uid(), old.gid()) {
        Ok(())
    } else {
        fchown(new, Some(old.uid()), Some(old.gid()))
    };
    set_mode(new, old.mode() & 0o777).and(owned)
}

fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    if file.metadata()?.mode() & 0o7777 == mode {
        return Ok(()); // a user that may write need not be the owner
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// Opens a file, and returns its length if it is a regular one.
fn open_for_append(path: &Path, owner: Option<(u32, u32)>) -> io::Result<(File, Option<u64>)> {
    let is_fifo = fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo());
    let no_link = if owner.is_some() { libc::O_NOFOLLOW } else { 0 };
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .read(is_fifo) // opened only for writing, a FIFO would block until somebody reads it
        .custom_flags(libc::O_NOCTTY | no_link)
        .open(path)
        .map_err(|e| match e.raw_os_error() {
            Some(libc::ELOOP) => io::Error::other(
                "it is a symbolic link, which is not followed with --uid or --gid; name the file itself",
            ),
            _ => e,
        })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok((file, None));
    }
    if metadata.nlink() > 1 {
        // The other name could belong to a file that somebody wants to have overwritten, or given away.
        return Err(io::Error::other(format!(
            "it has {} names (hard links), so it may be something else; use a file with only one name",
            metadata.nlink()
        )));
    }
    if let Some((uid, gid)) = owner
        && (metadata.uid(), metadata.gid()) != (uid, gid)
    {
        let given = fchown(&file, Some(uid), Some(gid));
        if geteuid().is_root() {
            given?; // without root privileges, the user itself opens the file, and need not own it
        }
    }
    Ok((file, Some(metadata.len())))
}
