//! What waits for the log's thread: lines, and commands at their places among them.
//!
//! Lines wait one after the other in a few large pieces of text. So a line needs no allocation, a queue that is empty
//! needs no memory, and a piece is written as it is.

use crate::sync::Mutex;
use std::collections::VecDeque;

/// How many lines may wait. If a disk stalls, further lines are counted instead of kept.
const MAX_LINES: usize = 65_536;

/// How many bytes a piece has, unless a line is longer.
const MAX_PIECE_BYTES: usize = 64 * 1024;

/// What the thread has to do besides writing lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// To rotate the file.
    Rotate,
    /// To look for new settings of the file.
    Change,
    /// To say that the barrier with this number has been reached.
    Barrier(u64),
}

/// What the thread does next.
pub(super) enum Item {
    /// To write this many lines.
    Lines { text: Vec<u8>, lines: usize },
    /// To do this.
    Command(Command),
}

/// What waits, in the order in which it came.
#[derive(Default)]
pub(super) struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    lines: usize,
    /// How many lines were dropped since the start.
    dropped: usize,
    /// Whether the thread is awake, or somebody is about to wake it.
    awake: bool,
    /// The memory of a piece that was written.
    spare: Vec<u8>,
}

impl Queue {
    /// Adds a line, or drops it if there are too many. Returns whether the caller has to wake the thread.
    #[must_use]
    pub(super) fn push_line(&self, line: &[u8]) -> bool {
        let waiting = &mut *self.0.lock();
        if waiting.lines >= MAX_LINES {
            waiting.dropped += 1;
            return false; // the thread is awake, since lines are waiting
        }
        waiting.lines += 1;
        match waiting.items.back_mut() {
            Some(Item::Lines { text, lines }) if text.len() + line.len() <= MAX_PIECE_BYTES => {
                text.extend_from_slice(line);
                *lines += 1;
            }
            _ => {
                let mut text = std::mem::take(&mut waiting.spare);
                text.extend_from_slice(line);
                waiting.items.push_back(Item::Lines { text, lines: 1 });
            }
        }
        !std::mem::replace(&mut waiting.awake, true)
    }

    /// Adds a command, which takes effect after the lines so far. Returns whether the caller has to wake the thread.
    #[must_use]
    pub(super) fn push_command(&self, command: Command) -> bool {
        let waiting = &mut *self.0.lock();
        match (waiting.items.back_mut(), command) {
            // One does for both, so that commands can't pile up while a disk stalls.
            (Some(Item::Command(Command::Barrier(last))), Command::Barrier(number)) => {
                *last = number.max(*last);
            }
            (Some(Item::Command(last)), _) if *last == command => {}
            _ => waiting.items.push_back(Item::Command(command)),
        }
        !std::mem::replace(&mut waiting.awake, true)
    }

    /// What the thread does next, and whether that is all for now.
    pub(super) fn take(&self) -> Option<(Item, bool)> {
        let mut waiting = self.0.lock();
        let item = waiting.items.pop_front()?;
        if let Item::Lines { lines, .. } = &item {
            waiting.lines -= lines;
        }
        Some((item, waiting.items.is_empty()))
    }

    /// Takes back the memory of a piece, for the next one.
    pub(super) fn reuse(&self, mut text: Vec<u8>) {
        text.clear();
        if text.capacity() <= 2 * MAX_PIECE_BYTES {
            self.0.lock().spare = text;
        }
    }

    /// Whether the thread may sleep until somebody wakes it.
    pub(super) fn may_sleep(&self) -> bool {
        let mut waiting = self.0.lock();
        waiting.awake = !waiting.items.is_empty();
        !waiting.awake
    }

    /// Counts lines that were lost before they got here.
    pub(super) fn count_dropped(&self, lines: usize) {
        self.0.lock().dropped += lines;
    }

    /// How many lines were dropped since the start.
    pub(super) fn dropped(&self) -> usize {
        self.0.lock().dropped
    }
}
