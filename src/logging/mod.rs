//! The log: the format of its lines, and where they go.
//!
//! Everything is logged through [`tracing`]. This module formats a line (`line.rs`), finds the path of the
//! service that has logged it (`layer.rs`), and writes it to standard output, the journal (`journal.rs`), a
//! rotating file (`rotating.rs`) or syslog (`syslog.rs`).
//!
//! At first, a line is written by the thread that logs it. After [`Logging::start_thread`] it is passed to a
//! thread that writes batches, so that no service ever waits for a disk. If that thread can't keep up, lines are
//! dropped, and their number is logged.

mod clock;
mod early;
mod entry;
mod event_fields;
mod facility;
mod journal;
mod layer;
mod level;
mod line;
mod lost;
mod output;
mod queue;
mod records;
mod rotating;
mod sink;
mod standard_output;
mod stream;
mod streams;
mod syslog;
#[cfg(test)]
mod tests;
mod warnings;
mod writer;

pub use clock::Period;
pub use facility::Facility;
pub use line::Format;
pub use lost::LostLines;
pub use rotating::Rotation;
pub use syslog::SyslogError;
pub use warnings::LoggedWarning;

use crate::file_id::FileId;
use crate::sync::Mutex;
use clock::Clock;
use event_fields::EventFields;
use journal::{Journal, Unread};
use layer::{Log, LogLayer};
use line::{Formatter, Line, Style};
use output::Output;
use rotating::{FileChange, FileSettings, RotatingFile};
use sink::Sink;
use standard_output::StandardOutput;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use streams::Streams;
use syslog::Syslog;
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

/// Where the log goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Standard output. If that is the systemd journal, lines become entries with fields and without timestamps.
    Stdout,
    /// A file. Regular files are rotated; others (`/dev/null`, a FIFO) are only written to.
    File(PathBuf),
    /// syslog.
    Syslog,
    /// Wherever the program's own subscriber of `tracing` writes it.
    Program,
}

/// The settings of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogOptions {
    /// The program's name, for syslog and the journal.
    pub name: String,
    /// The facility, for syslog and the journal.
    pub facility: Facility,
    /// Where it goes.
    pub target: Target,
    /// The least important level that is logged.
    pub level: Level,
    /// Text or JSON.
    pub format: Format,
    /// The permissions of a file. `None`: an existing file keeps its own, a new one gets 666 without the umask.
    pub mode: Option<u32>,
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
        /// The error of the system call.
        source: std::io::Error,
    },
    /// syslog can't be reached.
    #[error(transparent)]
    Syslog(#[from] SyslogError),
    /// The program has set up `tracing` itself.
    #[error(
        "logging has been set up already: a program that sets up its own log calls own_subscriber()"
    )]
    Twice,
}

/// What has to be opened before the process enters a chroot: the time zone, syslog, and the journal.
pub struct Outside {
    clock: Clock,
    syslog: Option<Syslog>,
    journal: Option<Journal>,
}

impl Outside {
    /// Loads the time zone, and connects to syslog, or to the journal if standard output is the log and leads there. If the log is a file, syslog is told if the last lines of the
    /// log are lost, if there is a syslog.
    ///
    /// # Errors
    /// If the log should go to syslog, and it can't be reached.
    pub fn reach(options: &LogOptions) -> Result<Self, LogError> {
        let syslog = match options.target {
            Target::Syslog => Some(Syslog::connect()?),
            Target::File(_) => Syslog::connect().ok(),
            Target::Stdout | Target::Program => None,
        };
        let is_stdout = options.target == Target::Stdout;
        let journal = is_stdout.then(Journal::of_standard_output).flatten();
        Ok(Self { clock: Clock::system(), syslog, journal })
    }
}

/// A layer of the program's own, which receives its events in addition to the log.
pub type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The log of a process before it is known where it goes. Events are kept, with their times, until it is
/// [opened](Self::open). If it is dropped before that, the important ones are printed to standard error.
pub struct EarlyLog {
    log: Arc<Log>,
    /// Whether it receives the records of the `log` crate.
    records: bool,
    /// Whether the events that were kept have to be printed.
    waiting: bool,
}

impl EarlyLog {
    /// Receives all events of `tracing` and all records of the `log` crate from now on, and so do the `layers`.
    ///
    /// # Errors
    /// If the program has set up `tracing` itself.
    pub fn begin(layers: Vec<BoxedLayer>) -> Result<Self, LogError> {
        let log = Arc::new(Log::new(layers.is_empty()));
        let layer = LogLayer(log.clone());
        let set = if layers.is_empty() {
            tracing::subscriber::set_global_default(Registry::default().with(layer))
        } else {
            tracing::subscriber::set_global_default(Registry::default().with(layers).with(layer))
        };
        set.map_err(|_| LogError::Twice)?;
        Ok(Self { log, records: records::take(), waiting: true })
    }

    /// The log of a program that sets up its own: this one receives nothing.
    pub fn of_program() -> Self {
        Self { log: Arc::new(Log::new(true)), records: false, waiting: false }
    }

    /// Opens the log.
    ///
    /// `owner` is the user and group that will write to it: a regular file is given to them.
    ///
    /// # Errors
    /// If the file can't be written, or syslog can't be reached.
    pub fn open(
        mut self,
        options: &LogOptions,
        outside: Outside,
        owner: Option<(u32, u32)>,
    ) -> Result<Logging, LogError> {
        let Outside { clock, syslog, journal } = outside;
        let (own_syslog, fallback) =
            if options.target == Target::Syslog { (syslog, None) } else { (None, syslog) };
        let (sink, style) = open_sink(options, (own_syslog, journal), owner, &clock)?;
        let formatter = Formatter::new(options.format, style, clock);
        let in_syslog = formatter.with_style(Style::syslog(options.facility, &options.name));
        let fallback = fallback.map(|syslog| Arc::new(Mutex::new((syslog, in_syslog))));
        let unread = sink.unread();
        let output = Arc::new(Output::new(sink, formatter.clone()));
        self.log.open(options.level, formatter, output.clone());
        if self.records {
            records::limit(options.level);
        }
        let (log, records) = (self.log.clone(), self.records);
        self.waiting = false;
        let streams = Arc::new(Streams::new(self.log.clone(), output.clone()));
        let target = options.target.clone();
        Ok(Logging { log, records, output, streams, target, unread, fallback })
    }

    /// Forgets the events that were kept, since another process has them as well.
    pub fn forget(mut self) {
        self.waiting = false;
    }
}

impl Drop for EarlyLog {
    fn drop(&mut self) {
        if !self.waiting {
            return;
        }
        let formatter = Formatter::new(Format::Text, Style::Plain, Clock::system());
        for event in self.log.give_up(Level::INFO) {
            let mut line = String::new();
            formatter.write(&event.line(), &mut line);
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}

fn open_sink(
    options: &LogOptions,
    outside: (Option<Syslog>, Option<Journal>),
    owner: Option<(u32, u32)>,
    clock: &Clock,
) -> Result<(Sink, Style), LogError> {
    let (syslog, journal) = outside;
    Ok(match &options.target {
        Target::File(path) => {
            let (rotation, mode, clock) = (options.rotation, options.mode, clock.clone());
            let settings = FileSettings { rotation, mode, owner, clock };
            let file = RotatingFile::open(path, settings);
            let file = file.map_err(|source| LogError::File { file: path.clone(), source })?;
            (Sink::File(file), Style::Plain)
        }
        Target::Syslog => {
            let syslog = syslog.map_or_else(Syslog::connect, Ok)?;
            (Sink::Syslog(syslog), Style::syslog(options.facility, &options.name))
        }
        Target::Program => (Sink::Nowhere, Style::Plain),
        Target::Stdout => match journal {
            Some(journal) => {
                (Sink::Journal(journal), Style::entry(options.facility, &options.name))
            }
            None => {
                let leads_there = journal::is_standard_output();
                let style = if leads_there { Style::Priority } else { Style::Plain };
                (Sink::Stdout(StandardOutput::default()), style)
            }
        },
    })
}

/// The open log. Lines are logged through `tracing`; this handle changes, rotates and flushes it.
#[derive(Clone)]
pub struct Logging {
    log: Arc<Log>,
    /// Whether it receives the records of the `log` crate.
    records: bool,
    output: Arc<Output>,
    streams: Arc<Streams>,
    target: Target,
    /// What the journal has not read yet, if the log goes there.
    unread: Option<Unread>,
    /// Where to report what can't be written to a log file.
    fallback: Option<Arc<Mutex<(Syslog, Formatter)>>>,
}

impl Logging {
    /// Redirects standard output and standard error into the log, for a daemon, where both would lead nowhere.
    /// Call this before there are other threads. If a program sets up its own log, both stay as they are.
    ///
    /// # Errors
    /// If a system call fails.
    pub fn take_streams(&self) -> std::io::Result<()> {
        if self.target == Target::Program { Ok(()) } else { self.streams.take() }
    }

    /// From now on, a thread does the writing. Call this when privileges have been dropped for good: a thread
    /// keeps the privileges that it was started with.
    ///
    /// # Errors
    /// If what is needed for standard output and standard error can't be set up.
    pub fn start_thread(&self) -> std::io::Result<()> {
        self.streams.start_threads()?;
        if self.target != Target::Program {
            self.output.start_thread();
        }
        Ok(())
    }

    /// Whether the log goes to a file of its own.
    pub fn is_file(&self) -> bool {
        matches!(self.target, Target::File(_))
    }

    /// Whether the program sets up its own log.
    pub fn is_of_program(&self) -> bool {
        self.target == Target::Program
    }

    /// Whether the log goes to standard output.
    pub fn is_standard_output(&self) -> bool {
        self.target == Target::Stdout
    }

    /// Reports something about a log file to syslog, if there is one.
    pub fn tell_syslog(&self, error: &str) {
        let Some(fallback) = &self.fallback else { return };
        let (syslog, formatter) = &mut *fallback.lock();
        let fields = EventFields::of(error, &[]);
        let mut line = String::new();
        let (time, level) = (SystemTime::now(), Level::ERROR);
        formatter.write(&Line { time, level, path: "-", fields: &fields }, &mut line);
        let _ = syslog.write_lines(line.as_bytes());
    }

    /// Requests a rotation of the log file, or a new one in its place if it has been moved away. Takes effect in
    /// order with the lines logged. Has no effect on other targets.
    pub fn rotate(&self) {
        self.output.rotate();
    }

    /// Changes the least important level that is logged. Has no effect if the program sets up its own log.
    pub fn set_level(&self, level: Level) {
        self.log.set_level(level);
        if self.records {
            records::limit(level);
        }
    }

    /// Changes the level and the format of the log, and the rotation and the permissions of its file. Takes effect
    /// in order with the lines logged. Where the log goes does not change.
    pub fn change(&self, options: &LogOptions) {
        if self.target == Target::Program {
            return;
        }
        self.set_level(options.level);
        self.log.set_format(options.format);
        self.output.change_file(FileChange { rotation: options.rotation, mode: options.mode });
    }

    /// Whether log lines appear on standard error as well, or the other way round: both are a terminal or the
    /// journal, or standard error [leads to the log](Self::take_streams).
    pub fn goes_to_stderr(&self) -> bool {
        let out = FileId::of_descriptor(std::io::stdout());
        let err = FileId::of_descriptor(std::io::stderr());
        let same = out.is_ok_and(|out| err.is_ok_and(|err| out == err));
        self.streams.are_taken() || (self.target == Target::Stdout && same)
    }

    /// The last warnings and errors of the log, the oldest first: at most 50 of them, each text of at most 1 KiB.
    /// None if the program sets up its own log.
    pub fn warnings(&self) -> Vec<LoggedWarning> {
        self.output.warnings().list()
    }

    /// How many lines could not be written since the start, whether or not the log says so.
    pub fn lines_lost(&self) -> u64 {
        self.output.lines_lost()
    }

    /// Waits until everything logged before this call has been written, or `limit` is over.
    ///
    /// # Errors
    /// If lines are lost and the log itself does not say so.
    pub fn flush(&self, limit: Duration) -> Result<(), LostLines> {
        self.output.flush(limit)
    }

    /// The same at the end of the process, including what was written to the redirected streams.
    ///
    /// # Errors
    /// If lines are lost and the log itself does not say so.
    pub fn finish(&self, limit: Duration) -> Result<(), LostLines> {
        self.streams.end();
        self.flush(limit)?;
        self.unread.iter().for_each(Unread::wait);
        Ok(())
    }
}
