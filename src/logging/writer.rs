//! Writes lines in batches, and counts lost ones: directly at first, on the log's thread later.

use super::event_fields::EventFields;
use super::line::{Formatter, Line};
use super::lost::{Lost, LostLines, count_lines, first_line};
use super::queue::{Command, Item, Queue};
use super::rotating::FileChange;
use super::sink::Sink;
use super::warnings::Warnings;
use crate::sync::{Condvar, Mutex};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tracing::Level;

/// How long the thread pauses after a write, unless somebody waits for it, so that the next write has more than
/// one line. Without the pause, each line under load costs a write and a context switch: a quarter of all CPU
/// time.
const PAUSE_AFTER_WRITE: Duration = Duration::from_millis(10);

/// How many bytes are kept for the thread, while it has not been started and the log can't be written.
const MAX_KEPT_BYTES: usize = 1 << 20;

/// What the writer shares with those who log.
#[derive(Default)]
pub(super) struct WriterState {
    pub(super) queue: Queue,
    /// New settings of the file that the writer has not seen yet.
    pub(super) change: Mutex<Option<FileChange>>,
    pub(super) barriers: Mutex<Barriers>,
    pub(super) barrier_asked: Condvar,
    pub(super) barrier_reached: Condvar,
    /// How many lines the sink did not take since the start.
    unwritten: AtomicUsize,
    pub(super) warnings: Warnings,
    /// How many lines are lost without being reported in the log, as far as the writer knows.
    pub(super) unreported: AtomicUsize,
}

/// How many barriers have been requested, and how many of them the writer has reached.
#[derive(Default)]
pub(super) struct Barriers {
    pub(super) asked: u64,
    pub(super) reached: u64,
}

impl WriterState {
    /// How many lines have been lost since the start.
    pub(super) fn lines_lost(&self) -> u64 {
        (self.queue.dropped() + self.unwritten.load(Ordering::Acquire)) as u64
    }

    pub(super) fn unreported(&self) -> Result<(), LostLines> {
        match self.unreported.load(Ordering::Acquire) {
            0 => Ok(()),
            lines => Err(LostLines::Unwritten(lines)),
        }
    }
}

/// Writes lines in batches, and reports how many were lost. Its `Write` never fails: tracing-appender would drop
/// the error, and the line with it.
pub(super) struct Writer {
    pub(super) sink: Sink,
    /// Lines that were kept for the thread.
    kept: Vec<u8>,
    formatter: Formatter,
    shared: Arc<WriterState>,
    lost: LostCount,
    /// Whether its last words could not be written.
    is_silenced: bool,
}

#[derive(Default)]
struct LostCount {
    /// Lines that could not be written, and the last reason.
    unwritten: usize,
    why: Option<io::Error>,
    /// How many of the lines that the queue has dropped have been reported.
    dropped_reported: usize,
}

impl Writer {
    pub(super) fn new(sink: Sink, formatter: Formatter, shared: Arc<WriterState>) -> Self {
        let (kept, lost) = (Vec::new(), LostCount::default());
        Self { sink, kept, formatter, shared, lost, is_silenced: false }
    }

    /// What has to be done before the first line of the thread.
    pub(super) fn begin(&mut self) {
        match &mut self.sink {
            Sink::File(file) => file.remove_surplus(),
            Sink::Journal(journal) => journal.has_thread(),
            Sink::Stdout(_) | Sink::Syslog(_) | Sink::Nowhere => {}
        }
        self.say_rotation_problem();
    }

    /// Accepts a line while there is no thread. Nobody else can wait for the log then, and signals are not handled
    /// yet. So what can't be written immediately is kept for the thread.
    pub(super) fn write_directly(&mut self, line: &[u8]) {
        if self.kept.len() < MAX_KEPT_BYTES {
            self.kept.extend_from_slice(line);
        } else {
            self.count_lost(Lost {
                lines: count_lines(line),
                why: io::ErrorKind::WouldBlock.into(),
            });
        }
        self.write_until(Instant::now());
    }

    /// Accepts a command while there is no thread.
    pub(super) fn command_directly(&mut self, command: Command) {
        self.command(command);
        self.write_until(Instant::now());
    }

    /// Writes what was kept, as far as it can be written by then.
    pub(super) fn write_until(&mut self, deadline: Instant) {
        let mut kept = std::mem::take(&mut self.kept);
        let mut written = 0;
        let is_ready =
            |sink: &Sink| sink.wait_until_ready(deadline.saturating_duration_since(Instant::now()));
        while written < kept.len() && is_ready(&self.sink) {
            let end = written + first_line(&kept[written..]);
            self.write_lines(&kept[written..end]);
            written = end;
        }
        kept.drain(..written);
        if kept.is_empty() && is_ready(&self.sink) {
            self.report_lost();
        } else {
            self.count_unreported(count_lines(&kept));
        }
        self.kept = kept;
    }

    /// Handles what waits now.
    fn handle_waiting(&mut self) {
        self.write_kept();
        while let Some((item, is_last)) = self.shared.queue.take() {
            match item {
                Item::Lines { text, .. } => {
                    self.write_lines(&text);
                    self.shared.queue.reuse(text);
                    self.report_lost();
                }
                Item::Command(command) => self.command(command),
            }
            if is_last {
                return; // what has come meanwhile is better written together with what comes next
            }
        }
    }

    fn command(&mut self, command: Command) {
        self.write_kept();
        match command {
            Command::Rotate => {
                if let Sink::File(file) = &mut self.sink {
                    file.rotate_or_reopen();
                }
                self.say_rotation_problem();
            }
            Command::Change => self.change_file(),
            Command::Barrier(number) => {
                let mut barriers = self.shared.barriers.lock();
                barriers.reached = barriers.reached.max(number);
                self.shared.barrier_reached.notify_all();
            }
        }
    }

    /// Changes the settings of the file, if there are new ones.
    fn change_file(&mut self) {
        let change = self.shared.change.lock().take();
        if let (Some(change), Sink::File(file)) = (change, &mut self.sink) {
            file.change(change);
            self.say_rotation_problem();
        }
    }

    fn write_kept(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        if !kept.is_empty() {
            self.write_lines(&kept);
        }
        self.report_lost();
    }

    fn write_lines(&mut self, lines: &[u8]) {
        if let Err(lost) = self.sink.write_lines(lines) {
            self.count_lost(lost);
        }
        self.say_rotation_problem();
    }

    fn count_lost(&mut self, Lost { lines, why }: Lost) {
        self.lost.unwritten += lines;
        self.lost.why = Some(why);
        self.shared.unwritten.fetch_add(lines, Ordering::AcqRel);
    }

    /// Reports how many lines were lost, as soon as the report itself can be written.
    fn report_lost(&mut self) {
        let dropped = self.shared.queue.dropped();
        if dropped > self.lost.dropped_reported {
            let lines = dropped - self.lost.dropped_reported;
            let why = "they were logged faster than they could be written";
            if self.say(&format!("{lines} log lines were lost: {why}")).is_ok() {
                self.lost.dropped_reported = dropped;
            }
        }
        if let Some(why) = &self.lost.why {
            let lines = self.lost.unwritten;
            if self.say(&format!("{lines} log lines were lost: {why}")).is_ok() {
                (self.lost.unwritten, self.lost.why) = (0, None);
            }
        }
        self.count_unreported(0);
    }

    /// Updates the count of unreported losses, in addition to the lines that are kept.
    fn count_unreported(&self, kept: usize) {
        let dropped = self.shared.queue.dropped() - self.lost.dropped_reported;
        self.shared.unreported.store(kept + self.lost.unwritten + dropped, Ordering::Release);
    }

    /// Lets lines collect in the queue.
    fn pause(&self) {
        let nobody_waits = |barriers: &mut Barriers| barriers.reached == barriers.asked;
        let barriers = self.shared.barriers.lock();
        drop(self.shared.barrier_asked.wait_timeout_while(
            barriers,
            PAUSE_AFTER_WRITE,
            nobody_waits,
        ));
    }

    fn say_rotation_problem(&mut self) {
        let Sink::File(file) = &mut self.sink else { return };
        if let Some(problem) = file.take_problem() {
            let _ = self.say(&problem);
        }
    }

    fn say(&mut self, message: &str) -> Result<(), Lost> {
        let mut line = String::new();
        let fields = EventFields::of(message, &[]);
        let content =
            Line { time: SystemTime::now(), level: Level::WARN, path: "-", fields: &fields };
        self.formatter.write(&content, &mut line);
        let said = self.sink.write_lines(line.as_bytes());
        // A log that can't be written says the same again and again.
        if said.is_ok() || !self.is_silenced {
            self.shared.warnings.keep(&content);
        }
        self.is_silenced = said.is_err();
        said
    }
}

impl Write for Writer {
    /// The thread calls this when it has been woken. It is done when nothing has come for a while.
    fn write_all(&mut self, _: &[u8]) -> io::Result<()> {
        loop {
            self.handle_waiting();
            self.pause();
            if self.shared.queue.may_sleep() {
                return Ok(());
            }
        }
    }

    fn write(&mut self, nothing: &[u8]) -> io::Result<usize> {
        self.write_all(nothing).map(|()| nothing.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
