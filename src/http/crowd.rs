//! How many clients are served, and for how long: bad clients can't keep others from being served, nor use more than a
//! few descriptors.

use crate::sync::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
#[cfg(feature = "web")]
use tokio::time::timeout;
use tokio::time::{Instant, sleep_until};

/// How long requests of clients that were accepted before the end may be on their way.
#[cfg(feature = "web")]
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// How long the answers to them may take.
#[cfg(feature = "web")]
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// How many clients there may be.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Clients whose request has not arrived. The oldest one is cut in favour of a new one.
    pub(crate) silent: usize,
    /// Requests in progress, until their answers have been received. The oldest of those that are answered is cut in
    /// favour of a new one; if none is answered yet, the new one is refused.
    pub(crate) in_progress: usize,
    /// How long a client may take to send its request.
    pub(crate) request_timeout: Duration,
    /// How long a client may take to receive the answer.
    pub(crate) answer_timeout: Duration,
}

impl Limits {
    /// The most descriptors that clients use at the same time: one of them has just been accepted.
    pub(crate) const fn descriptors(&self) -> usize {
        self.silent + self.in_progress + 1
    }
}

/// The clients of one server.
pub(crate) struct Crowd {
    limits: Limits,
    members: Mutex<Members>,
    /// How many there are.
    count: watch::Sender<usize>,
}

/// The clients by their numbers, so that the oldest one is the first.
#[derive(Default)]
struct Members {
    last: u64,
    all: BTreeMap<u64, Member>,
}

struct Member {
    stage: Stage,
    task: AbortHandle,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its request has not arrived.
    Silent,
    /// The answer is being made.
    Waiting,
    /// The answer is being sent.
    Answered,
}

impl Members {
    fn count(&self, counts: impl Fn(Stage) -> bool) -> usize {
        self.all.values().filter(|member| counts(member.stage)).count()
    }

    /// Cuts the oldest one of those in this stage. `false`: there is none.
    fn cut_oldest(&mut self, stage: Stage) -> bool {
        let oldest = self.all.iter().find(|(_, member)| member.stage == stage);
        let oldest = oldest.map(|(number, _)| *number).and_then(|number| self.all.remove(&number));
        oldest.inspect(|member| member.task.abort()).is_some()
    }
}

/// One client: until when it may take for what it does now. It has left when this is dropped.
pub(super) struct Visit {
    crowd: Arc<Crowd>,
    number: u64,
    deadline: watch::Sender<Option<Instant>>,
}

impl Crowd {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, members: Mutex::default(), count: watch::Sender::new(0) })
    }

    /// A new client, which has not sent anything yet.
    pub(super) fn visit(self: &Arc<Self>) -> Visit {
        let mut members = self.members.lock();
        members.last += 1;
        self.count.send_modify(|count| *count += 1);
        let deadline = watch::Sender::new(Some(Instant::now() + self.limits.request_timeout));
        Visit { crowd: self.clone(), number: members.last, deadline }
    }

    /// Remembers the task of a new client, and cuts the oldest ones that have not sent a request if there are too many.
    pub(super) fn entered(&self, number: u64, task: AbortHandle) {
        let mut members = self.members.lock();
        members.all.insert(number, Member { stage: Stage::Silent, task });
        while members.count(|stage| stage == Stage::Silent) > self.limits.silent {
            members.cut_oldest(Stage::Silent);
        }
    }

    /// Waits until all have left, for a short time: first for everybody, then for those whose requests have arrived.
    #[cfg(feature = "web")]
    pub(crate) async fn ends(&self) {
        let mut count = self.count.subscribe();
        // The sender lives as long as this, so that waiting does not fail.
        let _ = timeout(LAST_REQUESTS, count.wait_for(|count| *count == 0)).await;
        while self.members.lock().cut_oldest(Stage::Silent) {}
        let _ = timeout(LAST_ANSWERS, count.wait_for(|count| *count == 0)).await;
    }
}

#[cfg(test)]
impl Crowd {
    /// How many clients are known, and how many have not left.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.members.lock().all.len(), *self.count.borrow())
    }
}

impl Visit {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The request has arrived. `false`: there are too many in progress. Otherwise it is in progress as long as the
    /// connection: an answer that nobody receives takes memory.
    pub(super) fn begin(&self) -> bool {
        self.deadline.send_replace(None);
        let mut members = self.crowd.members.lock();
        let is_full =
            members.count(|stage| stage != Stage::Silent) >= self.crowd.limits.in_progress;
        let has_place = !is_full || members.cut_oldest(Stage::Answered);
        if has_place {
            enter(&mut members, self.number, Stage::Waiting);
        }
        has_place
    }

    /// The answer is there, and has to be received.
    pub(super) fn answered(&self) {
        let deadline = Instant::now() + self.crowd.limits.answer_timeout;
        self.deadline.send_replace(Some(deadline));
        let mut members = self.crowd.members.lock();
        let is_in_progress =
            members.all.get(&self.number).is_some_and(|member| member.stage == Stage::Waiting);
        if is_in_progress {
            enter(&mut members, self.number, Stage::Answered);
        }
    }

    /// Waits until the client has taken too long.
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

fn enter(members: &mut Members, number: u64, stage: Stage) {
    if let Some(member) = members.all.get_mut(&number) {
        member.stage = stage;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.crowd.members.lock().all.remove(&self.number);
        self.crowd.count.send_modify(|count| *count -= 1);
    }
}
