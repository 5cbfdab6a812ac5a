//! How a line gets to its file: directly at first, through a thread later.

use super::line::Formatter;
use super::lost::LostLines;
use super::queue::Command;
use super::rotating::FileChange;
use super::sink::Sink;
use super::stream::Stream;
use super::warnings::Warnings;
use super::writer::{Barriers, Writer, WriterState};
use crate::sync::Mutex;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

/// Accepts lines from all threads.
pub(super) struct Output {
    /// The writer, until the thread takes it.
    direct: Mutex<Option<Writer>>,
    /// What wakes the thread, and keeps it.
    thread: OnceLock<(NonBlocking, WorkerGuard)>,
    shared: Arc<WriterState>,
}

impl Output {
    pub(super) fn new(sink: Sink, formatter: Formatter) -> Self {
        let shared = Arc::new(WriterState::default());
        let writer = Writer::new(sink, formatter, shared.clone());
        Self { direct: Mutex::new(Some(writer)), thread: OnceLock::new(), shared }
    }

    /// Accepts a line.
    pub(super) fn write(&self, line: &[u8]) {
        self.directly_or(
            |writer| writer.write_directly(line),
            || self.shared.queue.push_line(line),
        );
    }

    fn command(&self, command: Command) {
        self.directly_or(
            |writer| writer.command_directly(command),
            || self.shared.queue.push_command(command),
        );
    }

    /// Uses the writer, or else the queue, which returns whether the thread has to be woken.
    fn directly_or(&self, directly: impl FnOnce(&mut Writer), queue: impl FnOnce() -> bool) {
        if self.thread.get().is_none()
            && let Some(writer) = &mut *self.direct.lock()
        {
            return directly(writer);
        }
        if queue()
            && let Some((thread, _)) = self.thread.get()
        {
            // This fails only if the thread has been woken already.
            let _ = thread.clone().write(&[]);
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
        self.shared.queue.count_dropped(lines);
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
        let mut direct = self.direct.lock(); // until there is a thread
        let Some(mut writer) = direct.take() else { return };
        writer.begin();
        // Its channel only wakes the thread. Space for all lines that may wait would be taken at once: 2 MB, and a
        // quarter of the time of a launch.
        let builder = NonBlockingBuilder::default().buffered_lines_limit(1).thread_name("log");
        let _ = self.thread.set(builder.finish(writer));
    }

    pub(super) fn rotate(&self) {
        self.command(Command::Rotate);
    }

    /// Changes the settings of the log file, if there is one.
    pub(super) fn change_file(&self, change: FileChange) {
        *self.shared.change.lock() = Some(change);
        self.command(Command::Change);
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
        drop(barriers);
        self.command(Command::Barrier(barrier));
        let limit = deadline.saturating_duration_since(Instant::now());
        let not_yet = |barriers: &mut Barriers| barriers.reached < barrier;
        let barriers = self.shared.barriers.lock();
        let barriers = self.shared.barrier_reached.wait_timeout_while(barriers, limit, not_yet);
        if barriers.reached < barrier {
            return Err(LostLines::Stuck);
        }
        drop(barriers);
        self.shared.unreported()
    }
}
