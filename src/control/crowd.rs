//! How many connections the control socket has, and for how long: bad clients can't keep others from being served,
//! nor use more than a few descriptors.

use crate::sync::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

/// How many connections may be without a request. The oldest one is closed in favour of a new one.
pub(super) const MAX_SILENT: usize = 8;

/// How many requests may be in progress, until their answers have been received. Further ones are refused.
pub(super) const MAX_IN_PROGRESS: usize = 8;

/// How long a client may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a client may take to receive the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The connections of the control socket.
#[derive(Default)]
pub(super) struct Crowd {
    silent: Mutex<VecDeque<(u64, AbortHandle)>>,
    in_progress: AtomicUsize,
}

/// One connection: until when it may take for what it does now.
pub(super) struct Visit {
    crowd: Arc<Crowd>,
    number: u64,
    deadline: watch::Sender<Option<Instant>>,
    /// Its place, once its request is in progress.
    place: Mutex<Option<Place>>,
}

/// The place of a request in progress, until this is dropped.
struct Place(Arc<Crowd>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Crowd {
    /// A new connection, which has not sent anything yet.
    pub(super) fn visit(self: &Arc<Self>, number: u64) -> Visit {
        let deadline = watch::Sender::new(Some(Instant::now() + REQUEST_TIMEOUT));
        Visit { crowd: self.clone(), number, deadline, place: Mutex::default() }
    }

    /// Remembers the task of a new connection, and closes the oldest ones that have not sent a request if there
    /// are too many.
    pub(super) fn entered(&self, number: u64, task: AbortHandle) {
        let mut silent = self.silent.lock();
        silent.push_back((number, task));
        while silent.len() > MAX_SILENT
            && let Some((_, oldest)) = silent.pop_front()
        {
            oldest.abort();
        }
    }

    /// A connection is over.
    pub(super) fn left(&self, number: u64) {
        self.silent.lock().retain(|(other, _)| *other != number);
    }
}

impl Visit {
    /// The request has arrived. `false`: there are too many in progress. Otherwise it is in progress as long as the
    /// connection: an answer that nobody receives takes memory.
    pub(super) fn begin(&self) -> bool {
        self.crowd.left(self.number);
        self.deadline.send_replace(None);
        let more = |count| (count < MAX_IN_PROGRESS).then_some(count + 1);
        let counted =
            self.crowd.in_progress.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        *self.place.lock() = counted.ok().map(|_| Place(self.crowd.clone()));
        counted.is_ok()
    }

    /// The answer is there, and has to be received.
    pub(super) fn answered(&self) {
        self.deadline.send_replace(Some(Instant::now() + ANSWER_TIMEOUT));
    }

    /// Waits until the connection has taken too long.
    pub(super) fn expired(&self) -> impl Future<Output = ()> + use<> {
        let mut deadline = self.deadline.subscribe();
        async move {
            loop {
                let until = *deadline.borrow_and_update();
                let changed = tokio::select! {
                    () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => return,
                    changed = deadline.changed() => changed,
                };
                if changed.is_err() {
                    return std::future::pending().await; // nobody changes it any more
                }
            }
        }
    }
}
