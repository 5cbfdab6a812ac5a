//! Where log lines go and what they look like.
//!
//! Everything is said through [`tracing`]; this module decides how a line looks (`line.rs`), finds the path
//! of the service that said it (`layer.rs`), and brings it to standard output, a rotating file
//! (`rotating.rs`) or syslog (`syslog.rs`).
//!
//! A line is first written by whoever says it. After [`Logging::start_thread`] it is handed to a thread
//! that writes batches, so that no service ever waits for a disk; when that thread can't keep up, lines
//! are dropped, and their number is logged.

mod clock;
mod facts;
mod layer;
mod line;
mod lost;
mod output;
mod rotating;
mod standard_output;
mod syslog;
#[cfg(test)]
mod tests;

pub use line::Format;
pub use lost::LostLines;
pub use rotating::Rotation;
pub use syslog::SyslogError;

use crate::file_id::FileId;
use layer::LogLayer;
use line::{Formatter, Style};
use output::Output;
use rotating::RotatingFile;
use standard_output::StandardOutput;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use syslog::Syslog;
use tracing::Level;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

/// Where the log goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Standard output; without timestamps when that is the systemd journal.
    Stdout,
    /// A file. Regular files are rotated; others (`/dev/null`, a FIFO) are only written to.
    File(PathBuf),
    /// The system's log, under this name.
    Syslog(String),
}

/// How the log is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct LogOptions {
    /// Where it goes.
    pub target: Target,
    /// The least important level that is logged.
    pub level: Level,
    /// Text or JSON.
    pub format: Format,
    /// When a file is rotated.
    pub rotation: Rotation,
}

/// Why the log can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file can't be written.
    #[error("can't write the log file {}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no system log.
    #[error(transparent)]
    Syslog(#[from] SyslogError),
    /// The program has set up `tracing` on its own.
    #[error("logging has been set up already")]
    Twice,
}

/// What has to be reached before the process enters a chroot: the time zone, and the system's log.
pub struct Outside {
    clock: clock::Clock,
    syslog: Option<Syslog>,
}

impl Outside {
    /// Loads the time zone, and connects to syslog if the log is to go there.
    ///
    /// # Errors
    /// If there is no system log.
    pub fn reach(target: &Target) -> Result<Self, LogError> {
        let syslog = match target {
            Target::Syslog(_) => Some(Syslog::connect()?),
            Target::Stdout | Target::File(_) => None,
        };
        Ok(Self { clock: clock::Clock::system(), syslog })
    }
}

/// The open log. Lines reach it through `tracing`; this handle is for rotating and flushing it.
#[derive(Clone)]
pub struct Logging {
    output: Arc<Output>,
    target: Target,
}

impl Logging {
    /// Opens the log and makes it the one that all of `tracing` goes to.
    ///
    /// `owner` is the user and group that will do the writing: a regular file is given to them.
    ///
    /// # Errors
    /// If the file can't be written, or logging has been set up before.
    pub fn open(
        options: &LogOptions,
        outside: Outside,
        owner: Option<(u32, u32)>,
    ) -> Result<Self, LogError> {
        let Outside { clock, syslog } = outside;
        let (sink, style) = match (&options.target, syslog) {
            (Target::File(path), _) => {
                let file = RotatingFile::open(path, options.rotation, owner);
                let file = file.map_err(|source| LogError::File { file: path.clone(), source })?;
                (output::Sink::File(file), Style::Plain)
            }
            (Target::Syslog(name), Some(syslog)) => {
                (output::Sink::Syslog(syslog), Style::syslog(name))
            }
            (Target::Syslog(name), None) => {
                (output::Sink::Syslog(Syslog::connect()?), Style::syslog(name))
            }
            (Target::Stdout, _) if stdout_is_the_journal() => {
                (output::Sink::Stdout(StandardOutput::default()), Style::Journal)
            }
            (Target::Stdout, _) => (output::Sink::Stdout(StandardOutput::default()), Style::Plain),
        };
        let formatter = Formatter::new(options.format, style, clock);
        let output = Arc::new(Output::new(sink, formatter.clone()));
        let layer = LogLayer::new(options.level, formatter, output.clone());
        tracing::subscriber::set_global_default(Registry::default().with(layer))
            .map_err(|_| LogError::Twice)?;
        Ok(Self { output, target: options.target.clone() })
    }

    /// From now on a thread does the writing. Called when privileges have been dropped for good: a thread
    /// keeps those that it was started with.
    pub fn start_thread(&self) {
        self.output.start_thread();
    }

    /// Whether the log goes to a file of its own.
    pub fn is_file(&self) -> bool {
        matches!(self.target, Target::File(_))
    }

    /// Asks for a rotation of the log file; or, if someone has moved the file away, for a new one in its
    /// place. Takes effect in order with the lines logged. Does nothing to other targets.
    pub fn rotate(&self) {
        self.output.rotate();
    }

    /// Whether what is logged is seen on standard error as well: a terminal, or the journal.
    pub fn goes_to_stderr(&self) -> bool {
        let out = FileId::of_descriptor(std::io::stdout());
        let err = FileId::of_descriptor(std::io::stderr());
        self.target == Target::Stdout && out.is_ok_and(|out| err.is_ok_and(|err| out == err))
    }

    /// Waits until everything logged before this call has been written, or `limit` is over.
    ///
    /// # Errors
    /// If lines are lost of which the log itself does not say so.
    pub fn flush(&self, limit: Duration) -> Result<(), LostLines> {
        self.output.flush(limit)
    }
}

/// What systemd.exec(5) says of $JOURNAL_STREAM: the device and inode of the journal's socket, if
/// standard output or standard error is connected to it.
fn stdout_is_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    FileId::of_descriptor(std::io::stdout())
        .is_ok_and(|FileId { device, inode }| stream == format!("{device}:{inode}"))
}
