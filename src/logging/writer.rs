//! Writes lines in batches, and counts lost ones: directly at first, on the log's thread later.

use super::event_fields::EventFields;
use super::line::{Formatter, Line};
use super::lost::{Lost, LostLines, count_lines, first_line};
use super::rotating::FileChange;
use super::sink::Sink;
use super::warnings::Warnings;
use crate::sync::{Condvar, Mutex};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};
use tracing::Level;
use tracing_appender::non_blocking::ErrorCounter;

/// How many bytes are collected before they are written. A batch ends earlier if no line is waiting.
const MAX_BATCH_BYTES: usize = 64 * 1024;

/// How long the thread pauses after a write, unless somebody waits for it, so that the next write has more than
/// one line. Without the pause, each line under load costs a write and a context switch: a quarter of all CPU
/// time.
const PAUSE_AFTER_WRITE: Duration = Duration::from_millis(10);

/// How many bytes are kept for the thread, while it has not been started and the log can't be written.
const MAX_KEPT_BYTES: usize = 1 << 20;

/// The first byte of a command, which is sent to the thread like a line. No line starts with it.
pub(super) const COMMAND: u8 = 0;
/// The commands. Each is followed by a number.
pub(super) const CHANGE: u8 = b'c';
pub(super) const ROTATE: u8 = b'r';
pub(super) const BARRIER: u8 = b'b';

/// What the writer has to know besides what is in the channel.
#[derive(Default)]
pub(super) struct WriterState {
    /// How many rotations have been requested.
    pub(super) rotations_asked: AtomicU64,
    /// The number of a rotation whose command the channel may have dropped.
    pub(super) rotate_soon: AtomicU64,
    /// New settings of the file that the writer has not seen yet.
    pub(super) change: Mutex<Option<FileChange>>,
    pub(super) barriers: Mutex<Barriers>,
    pub(super) barrier_asked: Condvar,
    pub(super) barrier_reached: Condvar,
    /// How many lines were lost before they got to the channel.
    pub(super) lost_before: AtomicUsize,
    /// What the channel has dropped, once there is a channel.
    pub(super) dropped: OnceLock<ErrorCounter>,
    /// How many commands were sent to the channel, which counts commands that it drops as lines.
    pub(super) commands_sent: AtomicUsize,
    /// How many of them have arrived.
    commands_seen: AtomicUsize,
    /// How many lines the sink did not take since the start.
    unwritten: AtomicUsize,
    /// What `lines_lost` has returned: it never decreases.
    lines_lost: AtomicU64,
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
    /// How many lines and commands the channel has dropped.
    pub(super) fn dropped(&self) -> usize {
        let dropped = self.dropped.get().map_or(0, ErrorCounter::dropped_lines);
        dropped + self.lost_before.load(Ordering::Acquire)
    }

    /// How many lines the channel has dropped. Commands that are still in it count as dropped for a moment, which
    /// makes this number smaller than it will be.
    fn lines_dropped(&self) -> usize {
        // In this order, so that the number is never too large: what is dropped has been sent.
        let dropped = self.dropped();
        let seen = self.commands_seen.load(Ordering::Acquire);
        dropped.saturating_sub(self.commands_sent.load(Ordering::Acquire) - seen)
    }

    /// How many lines have been lost since the start.
    pub(super) fn lines_lost(&self) -> u64 {
        let lost = (self.lines_dropped() + self.unwritten.load(Ordering::Acquire)) as u64;
        self.lines_lost.fetch_max(lost, Ordering::AcqRel).max(lost)
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
    batch: Vec<u8>,
    formatter: Formatter,
    shared: Arc<WriterState>,
    rotations_done: u64,
    lost: LostCount,
    /// Whether its last words could not be written.
    is_silenced: bool,
}

#[derive(Default)]
struct LostCount {
    /// Lines that could not be written, and the last reason.
    unwritten: usize,
    why: Option<io::Error>,
    /// How many of the lines that the channel has dropped have been reported.
    dropped_reported: usize,
}

impl Writer {
    pub(super) fn new(sink: Sink, formatter: Formatter, shared: Arc<WriterState>) -> Self {
        let (batch, lost) = (Vec::new(), LostCount::default());
        Self { sink, batch, formatter, shared, rotations_done: 0, lost, is_silenced: false }
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

    /// Accepts a line or a command while there is no thread. Nobody else can wait for the log then, and signals
    /// are not handled yet. So what can't be written immediately is kept for the thread.
    pub(super) fn write_directly(&mut self, line: &[u8]) {
        if line.first() == Some(&COMMAND) {
            let _ = self.write_all(line);
        } else if self.batch.len() < MAX_KEPT_BYTES {
            self.batch.extend_from_slice(line);
        } else {
            self.count_lost(Lost {
                lines: count_lines(line),
                why: io::ErrorKind::WouldBlock.into(),
            });
        }
        self.write_until(Instant::now());
    }

    /// Writes what was kept, as far as it can be written by then.
    pub(super) fn write_until(&mut self, deadline: Instant) {
        let mut batch = std::mem::take(&mut self.batch);
        let mut written = 0;
        let is_ready =
            |sink: &Sink| sink.wait_until_ready(deadline.saturating_duration_since(Instant::now()));
        while written < batch.len() && is_ready(&self.sink) {
            let end = written + first_line(&batch[written..]);
            self.write_lines(&batch[written..end]);
            written = end;
        }
        batch.drain(..written);
        if batch.is_empty() && is_ready(&self.sink) {
            self.report_lost();
        } else {
            self.count_unreported(count_lines(&batch));
        }
        self.batch = batch;
    }

    fn command(&mut self, what: u8, number: u64) {
        self.shared.commands_seen.fetch_add(1, Ordering::AcqRel);
        self.write_batch();
        match what {
            ROTATE => self.rotate(number),
            CHANGE => self.change_file(),
            _ => {
                let mut barriers = self.shared.barriers.lock();
                barriers.reached = barriers.reached.max(number);
                self.shared.barrier_reached.notify_all();
            }
        }
    }

    /// Rotates, unless this request has been handled already.
    fn rotate(&mut self, request: u64) {
        if request <= self.rotations_done {
            return;
        }
        self.rotations_done = request;
        if let Sink::File(file) = &mut self.sink {
            file.rotate_or_reopen();
        }
        self.say_rotation_problem();
    }

    /// Changes the settings of the file, if there are new ones.
    fn change_file(&mut self) {
        let change = self.shared.change.lock().take();
        if let (Some(change), Sink::File(file)) = (change, &mut self.sink) {
            file.change(change);
            self.say_rotation_problem();
        }
    }

    fn write_batch(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.write_lines(&batch);
        }
        self.report_lost();
        batch.clear();
        self.batch = batch; // its memory is reused
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
        let dropped = self.shared.lines_dropped();
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
        let dropped = self.shared.lines_dropped().saturating_sub(self.lost.dropped_reported);
        self.shared.unreported.store(kept + self.lost.unwritten + dropped, Ordering::Release);
    }

    /// Lets lines collect in the channel.
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
    /// The thread calls this for each line or command in the channel.
    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        if let [COMMAND, what, number @ ..] = line {
            let number = number.try_into().map_or(0, u64::from_le_bytes);
            self.command(*what, number);
            return Ok(());
        }
        self.batch.extend_from_slice(line);
        if self.batch.len() >= MAX_BATCH_BYTES {
            self.write_batch();
        }
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    /// The thread calls this when the channel is empty.
    fn flush(&mut self) -> io::Result<()> {
        self.write_batch();
        self.change_file();
        self.rotate(self.shared.rotate_soon.load(Ordering::Acquire));
        self.pause();
        Ok(())
    }
}
