//! The way of a line to its file: directly at first, through a thread later.

use super::facts::Facts;
use super::line::{Formatter, Line};
use super::lost::{Lost, LostLines};
use super::rotating::RotatingFile;
use super::standard_output::StandardOutput;
use super::syslog::Syslog;
use crate::sync::{Condvar, Mutex};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tracing::Level;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How many lines may wait for the thread. What a stalled disk would hold up beyond that is counted
/// instead of kept.
const WAITING_LINES: usize = 65_536;

/// How many bytes are collected before they are written. A batch ends earlier when no line is waiting.
const BATCH: usize = 64 * 1024;

/// How long the thread rests after a write, unless somebody waits for it, so that the next write has more
/// than one line. Without it, under load, each line costs a write and a change of threads: a quarter of all
/// CPU time.
const PAUSE: Duration = Duration::from_millis(10);

/// How often a barrier is sent again, in case the channel was too full to take it.
const RETRY: Duration = Duration::from_millis(50);

/// The first byte of what is sent to the thread but is not a line. No line starts with it.
const COMMAND: u8 = 0;
/// The commands: each is followed by a number.
const ROTATE: u8 = b'r';
const BARRIER: u8 = b'b';

/// Where lines end up.
pub(super) enum Sink {
    Stdout(StandardOutput),
    File(RotatingFile),
    Syslog(Syslog),
}

impl Sink {
    fn write_lines(&mut self, lines: &[u8]) -> Result<(), Lost> {
        match self {
            Sink::Stdout(stdout) => stdout.write_lines(lines),
            Sink::File(file) => file.write_lines(lines),
            Sink::Syslog(syslog) => syslog.write_lines(lines),
        }
    }
}

/// Takes lines from all threads.
pub(super) struct Output {
    /// The writer, until the thread takes it.
    direct: Mutex<Option<Writer>>,
    thread: OnceLock<(NonBlocking, WorkerGuard)>,
    shared: Arc<Shared>,
}

/// What the writer is told past the channel.
#[derive(Default)]
struct Shared {
    /// How many rotations have been asked for.
    rotations_asked: AtomicU64,
    /// The number of a rotation whose command may have been dropped by the channel.
    rotate_soon: AtomicU64,
    barriers: Mutex<Barriers>,
    barrier_asked: Condvar,
    barrier_reached: Condvar,
    /// What the channel could not take, once there is a channel.
    dropped: OnceLock<ErrorCounter>,
    /// How many commands went into the channel: it counts those that it drops as lines.
    commands_sent: AtomicUsize,
    /// How many lines are lost without a word in the log, as far as the writer knows.
    unreported: AtomicUsize,
}

/// How many barriers have been asked for, and how many of them the writer has come to.
#[derive(Default)]
struct Barriers {
    asked: u64,
    reached: u64,
}

impl Output {
    pub(super) fn new(sink: Sink, formatter: Formatter) -> Self {
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            sink,
            batch: Vec::new(),
            formatter,
            shared: shared.clone(),
            commands_seen: 0,
            rotations_done: 0,
            lost: LostCount::default(),
        };
        Self { direct: Mutex::new(Some(writer)), thread: OnceLock::new(), shared }
    }

    /// Takes one line, or a command for the writer.
    pub(super) fn write(&self, line: &[u8]) {
        // Neither of the two writers below ever returns an error: each counts what it loses.
        if let Some((channel, _)) = self.thread.get() {
            let _ = channel.clone().write(line);
        } else if let Some(writer) = &mut *self.direct.lock() {
            let _ = writer.write_all(line);
            writer.write_batch();
        }
    }

    pub(super) fn start_thread(&self) {
        let Some(writer) = self.direct.lock().take() else { return };
        let (channel, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(WAITING_LINES)
            .thread_name("log")
            .finish(writer);
        let _ = self.shared.dropped.set(channel.error_counter());
        let _ = self.thread.set((channel, guard));
    }

    pub(super) fn rotate(&self) {
        let request = self.shared.rotations_asked.fetch_add(1, Ordering::AcqRel) + 1;
        let dropped = self.shared.dropped();
        self.command(ROTATE, request);
        if self.shared.dropped() > dropped {
            // The channel was full, perhaps for this command: the writer is awake, and will look here.
            self.shared.rotate_soon.store(request, Ordering::Release);
        }
    }

    /// Waits until everything written before this call has been dealt with, for `limit` at most.
    pub(super) fn flush(&self, limit: Duration) -> Result<(), LostLines> {
        if self.thread.get().is_none() {
            return self.shared.unreported();
        }
        let deadline = Instant::now() + limit;
        let mut barriers = self.shared.barriers.lock();
        barriers.asked += 1;
        let barrier = barriers.asked;
        self.shared.barrier_asked.notify_all();
        while barriers.reached < barrier {
            if Instant::now() >= deadline {
                return Err(LostLines::Stuck);
            }
            drop(barriers);
            self.command(BARRIER, barrier);
            barriers = self.shared.barriers.lock();
            let not_yet = |barriers: &mut Barriers| barriers.reached < barrier;
            barriers = self.shared.barrier_reached.wait_timeout_while(barriers, RETRY, not_yet);
        }
        drop(barriers);
        self.shared.unreported()
    }

    fn command(&self, what: u8, number: u64) {
        self.shared.commands_sent.fetch_add(1, Ordering::AcqRel);
        self.write(&[&[COMMAND, what][..], &number.to_le_bytes()].concat());
    }
}

impl Shared {
    /// How many lines and commands the channel could not take.
    fn dropped(&self) -> usize {
        self.dropped.get().map_or(0, ErrorCounter::dropped_lines)
    }

    fn unreported(&self) -> Result<(), LostLines> {
        match self.unreported.load(Ordering::Acquire) {
            0 => Ok(()),
            lines => Err(LostLines::Unwritten(lines)),
        }
    }
}

/// Writes lines in batches, and says how many were lost. Its `Write` never fails: tracing-appender would
/// drop the error, and the line with it.
struct Writer {
    sink: Sink,
    batch: Vec<u8>,
    formatter: Formatter,
    shared: Arc<Shared>,
    commands_seen: usize,
    rotations_done: u64,
    lost: LostCount,
}

#[derive(Default)]
struct LostCount {
    /// Lines that could not be written, and why not, the last time.
    unwritten: usize,
    why: Option<io::Error>,
    /// How many of the lines that the channel could not take have been reported.
    dropped_reported: usize,
}

impl Writer {
    fn command(&mut self, what: u8, number: u64) {
        self.commands_seen += 1;
        self.write_batch();
        match what {
            ROTATE => self.rotate(number),
            _ => {
                let mut barriers = self.shared.barriers.lock();
                barriers.reached = barriers.reached.max(number);
                self.shared.barrier_reached.notify_all();
            }
        }
    }

    /// Rotates, unless this request has been honoured already.
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

    fn write_batch(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.write_lines(&batch);
        }
        self.report_lost();
        batch.clear();
        self.batch = batch; // its memory is used again
    }

    fn write_lines(&mut self, lines: &[u8]) {
        if let Err(Lost { lines, why }) = self.sink.write_lines(lines) {
            self.lost.unwritten += lines;
            self.lost.why = Some(why);
        }
        self.say_rotation_problem();
    }

    /// Says how many lines were lost, as soon as that line itself can be written.
    fn report_lost(&mut self) {
        let dropped = self.dropped_by_channel();
        if dropped > self.lost.dropped_reported {
            let lines = dropped - self.lost.dropped_reported;
            let why = "they came faster than they could be written";
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
        let unreported = self.lost.unwritten + dropped.saturating_sub(self.lost.dropped_reported);
        self.shared.unreported.store(unreported, Ordering::Release);
    }

    /// How many lines the channel could not take. Commands that are still in it count as dropped for a
    /// moment, and make this number smaller than it will be.
    fn dropped_by_channel(&self) -> usize {
        let unseen = self.shared.commands_sent.load(Ordering::Acquire) - self.commands_seen;
        self.shared.dropped().saturating_sub(unseen)
    }

    /// Lets lines collect in the channel.
    fn pause(&self) {
        let nobody_waits = |barriers: &mut Barriers| barriers.reached == barriers.asked;
        let barriers = self.shared.barriers.lock();
        drop(self.shared.barrier_asked.wait_timeout_while(barriers, PAUSE, nobody_waits));
    }

    fn say_rotation_problem(&mut self) {
        let Sink::File(file) = &mut self.sink else { return };
        if let Some(problem) = file.take_problem() {
            let _ = self.say(&problem);
        }
    }

    fn say(&mut self, message: &str) -> Result<(), Lost> {
        let mut line = String::new();
        let facts = Facts::of(message, &[]);
        self.formatter.write(&Line { level: Level::WARN, path: "-", facts: &facts }, &mut line);
        self.sink.write_lines(line.as_bytes())
    }
}

impl Write for Writer {
    /// Called by the thread for each line or command in the channel.
    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        if let [COMMAND, what, number @ ..] = line {
            let number = number.try_into().map_or(0, u64::from_le_bytes);
            self.command(*what, number);
            return Ok(());
        }
        self.batch.extend_from_slice(line);
        if self.batch.len() >= BATCH {
            self.write_batch();
        }
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    /// Called by the thread when the channel is empty.
    fn flush(&mut self) -> io::Result<()> {
        self.write_batch();
        self.rotate(self.shared.rotate_soon.load(Ordering::Acquire));
        self.pause();
        Ok(())
    }
}
