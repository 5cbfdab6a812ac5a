//! How a line gets to its file: directly at first, through a thread later.

use super::line::Formatter;
use super::lost::LostLines;
use super::rotating::FileChange;
use super::sink::Sink;
use super::stream::Stream;
use super::warnings::Warnings;
use super::writer::{BARRIER, Barriers, CHANGE, COMMAND, ROTATE, Writer, WriterState};
use crate::sync::Mutex;
use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How many lines may wait for the thread. If a disk stalls, further lines are counted instead of kept.
const WAITING_LINES: usize = 65_536;

/// How often a barrier is sent again, in case the channel was too full for it.
const BARRIER_RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Accepts lines from all threads.
pub(super) struct Output {
    /// The writer, until the thread takes it.
    direct: Mutex<Option<Writer>>,
    thread: OnceLock<(NonBlocking, WorkerGuard)>,
    shared: Arc<WriterState>,
}

impl Output {
    pub(super) fn new(sink: Sink, formatter: Formatter) -> Self {
        let shared = Arc::new(WriterState::default());
        let writer = Writer::new(sink, formatter, shared.clone());
        Self { direct: Mutex::new(Some(writer)), thread: OnceLock::new(), shared }
    }

    /// Accepts a line, or a command for the writer.
    pub(super) fn write(&self, line: &[u8]) {
        // Neither of the two writers below ever returns an error: each counts what it loses.
        if let Some((channel, _)) = self.thread.get() {
            let _ = channel.clone().write(line);
        } else if let Some(writer) = &mut *self.direct.lock() {
            writer.write_directly(line);
        } else if let Some((channel, _)) = self.thread.get() {
            let _ = channel.clone().write(line); // the thread has been started meanwhile
        }
    }

    /// Redirects these streams to the log file, now and after each rotation, and no others. Returns whether there
    /// is such a file: a regular one. Call this before the thread is started.
    pub(super) fn lead(&self, streams: &'static [Stream]) -> io::Result<bool> {
        match &mut *self.direct.lock() {
            Some(Writer { sink: Sink::File(file), .. }) => file.lead(streams),
            _ => Ok(false),
        }
    }

    /// Counts lines that were lost before they got here.
    pub(super) fn count_lost(&self, lines: usize) {
        self.shared.lost_before.fetch_add(lines, Ordering::AcqRel);
    }

    /// The last warnings and errors.
    pub(super) fn warnings(&self) -> &Warnings {
        &self.shared.warnings
    }

    /// How many lines have been lost since the start, reported or not.
    pub(super) fn lines_lost(&self) -> u64 {
        self.shared.lines_lost()
    }

    pub(super) fn start_thread(&self) {
        let mut direct = self.direct.lock(); // until there is a channel
        let Some(mut writer) = direct.take() else { return };
        writer.begin();
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
            // The channel was full, perhaps because of this command. So the writer is awake, and will check this.
            self.shared.rotate_soon.store(request, Ordering::Release);
        }
    }

    /// Changes the settings of the log file, if there is one.
    pub(super) fn change_file(&self, change: FileChange) {
        *self.shared.change.lock() = Some(change);
        // If the channel is too full for this, the writer is awake, and will see the change.
        self.command(CHANGE, 0);
    }

    /// Waits until everything written before this call has been handled, for at most `limit`.
    pub(super) fn flush(&self, limit: Duration) -> Result<(), LostLines> {
        let deadline = Instant::now() + limit;
        if let Some(writer) = &mut *self.direct.lock() {
            writer.write_until(deadline);
            return self.shared.unreported();
        }
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
            barriers = self.shared.barrier_reached.wait_timeout_while(
                barriers,
                BARRIER_RETRY_INTERVAL,
                not_yet,
            );
        }
        drop(barriers);
        self.shared.unreported()
    }

    fn command(&self, what: u8, number: u64) {
        self.shared.commands_sent.fetch_add(1, Ordering::AcqRel);
        self.write(&[&[COMMAND, what][..], &number.to_le_bytes()].concat());
    }
}
