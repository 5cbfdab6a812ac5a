//! The end of a connection: everything has been said, and the client has yet to close.
//!
//! With a task per closing connection a poem would cost 20% more of the server's CPU time than with this
//! queue, whose sockets are looked at in batches and never registered with the reactor.
//!
//! Until the kernel has nothing more to do for it, each of them [is reset when dropped](super::socket::reset_when_dropped):
//! it has been so since it was accepted, and to take that off costs a system call. Only if the process is
//! killed meanwhile does it matter: a client who has got the FIN and just reads (on Linux) does not notice,
//! others see a reset.

use super::alarm::Alarm;
use super::connection_counters::{ConnectionCount, Failure};
use super::limit::Place;
use super::options::ServerOptions;
use super::socket::{Input, discard_input, is_over, leave_to_the_kernel, unacknowledged};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;
use std::collections::VecDeque;
use std::future::pending;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::info;

/// How long after the FIN a socket is looked at, and after each further look: most clients have closed by
/// the first, and those that take their time cost little.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(16), Duration::from_millis(64), Duration::from_millis(256)];

/// How many sockets are looked at before the worker's other tasks get their turn.
const SWEEP: usize = 256;

/// The sockets of one accept loop that are closing.
pub(super) struct Closing {
    /// `levels[n]` holds the sockets that were looked at n times, in the order in which they are due.
    levels: [VecDeque<Leaving>; PAUSES.len()],
    alarm: Arc<Alarm>,
    /// When there was nothing more to look at. The next look is a first pause later, at many sockets at once.
    swept: Instant,
    linger_timeout: Duration,
    write_timeout: Duration,
    /// What the loop counts, since here is where its connections end.
    pub(super) count: ConnectionCount,
}

struct Leaving {
    stream: Socket,
    due: Instant,
    /// When to give up.
    deadline: Instant,
    /// Bytes the client had not acknowledged at the last look that asked.
    unacknowledged: usize,
    _place: Place,
}

/// What was found at a look.
enum Look {
    /// The socket goes to this level.
    Level(usize),
    /// The connection is over; whether the client closed or reset it is to be seen.
    Over,
    /// The connection has ended like this.
    Ended(Result<(), Failure>),
}

impl Closing {
    pub(super) fn new(alarm: Arc<Alarm>, options: &ServerOptions, count: ConnectionCount) -> Self {
        let (levels, swept) = (Default::default(), Instant::now());
        let &ServerOptions { linger_timeout, write_timeout, .. } = options;
        Self { levels, alarm, swept, linger_timeout, write_timeout, count }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels.iter().all(VecDeque::is_empty)
    }

    /// Sends the FIN and takes the socket over, with its place among the open connections.
    pub(super) fn push(&mut self, stream: Socket, place: Place) {
        if stream.shutdown(Shutdown::Write).is_err() {
            // The client is gone.
            let reset = !matches!(stream.take_error(), Ok(None));
            return self.count.ended(if reset { Err(Failure::Reset) } else { Ok(()) });
        }
        let now = Instant::now();
        let (due, deadline) = (now + PAUSES[0], now + self.linger_timeout);
        let socket = Leaving { stream, due, deadline, unacknowledged: usize::MAX, _place: place };
        self.levels[0].push_back(socket);
    }

    /// Waits until [`sweep`](Self::sweep) has something to do; for ever when the queue is empty.
    pub(super) async fn due(&self) {
        let first =
            self.levels.iter().filter_map(|level| level.front()).map(|socket| socket.due).min();
        let Some(first) = first else { return pending().await };
        self.alarm.at(first.max(self.swept + PAUSES[0])).await;
    }

    /// Looks at the sockets that are due, a bounded number of them; lets go of those whose clients have
    /// closed.
    pub(super) fn sweep(&mut self) {
        let now = Instant::now();
        let (mut looks, mut over) = (0, Vec::new());
        for level in 0..self.levels.len() {
            while looks < SWEEP
                && self.levels[level].front().is_some_and(|socket| socket.due <= now)
            {
                looks += 1;
                let Some(mut socket) = self.levels[level].pop_front() else { break };
                match self.look(&mut socket, level, now) {
                    Look::Level(next) => {
                        socket.due = now + PAUSES[next];
                        self.levels[next].push_back(socket);
                    }
                    Look::Over => over.push(socket),
                    Look::Ended(end) => self.count.ended(end),
                }
            }
        }
        self.count_over(&over);
        if looks < SWEEP {
            self.swept = now;
        }
    }

    /// Counts connections that are over. One poll(2) for all of them says which have been reset: to ask each for its
    /// SO_ERROR would cost a poem 1.5% more of the server's CPU time.
    fn count_over(&mut self, over: &[Leaving]) {
        if over.is_empty() {
            return;
        }
        let flags = PollFlags::empty(); // errors are always told
        let sockets = over.iter().map(|socket| PollFd::new(socket.stream.as_fd(), flags));
        let mut sockets: Vec<PollFd<'_>> = sockets.collect();
        let _ = poll(&mut sockets, PollTimeout::ZERO); // if it fails, none of them has any flag
        for socket in sockets {
            let reset = socket.revents().is_some_and(|found| found.contains(PollFlags::POLLERR));
            self.count.ended(if reset { Err(Failure::Reset) } else { Ok(()) });
        }
    }

    /// Looks at a socket of this level.
    fn look(&self, socket: &mut Leaving, level: usize, now: Instant) -> Look {
        if is_over(&socket.stream) {
            return Look::Over;
        }
        let next = match discard_input(&socket.stream) {
            Ok(Input::Open) => 0, // it sends a lot, and is to be let
            Ok(Input::Empty) => (level + 1).min(PAUSES.len() - 1),
            Ok(Input::Ended) => {
                leave_to_the_kernel(&socket.stream);
                return Look::Ended(Ok(()));
            }
            Err(_) => return Look::Ended(Err(Failure::Reset)),
        };
        if now < socket.deadline { Look::Level(next) } else { self.extend(socket, next, now) }
    }

    /// At its deadline a socket gets more time only while the client still takes what was sent.
    fn extend(&self, socket: &mut Leaving, next: usize, now: Instant) -> Look {
        let unacknowledged = unacknowledged(&socket.stream);
        if unacknowledged == 0 {
            leave_to_the_kernel(&socket.stream); // the client has everything, and just does not close
            return Look::Ended(Ok(()));
        }
        if unacknowledged < socket.unacknowledged {
            socket.unacknowledged = unacknowledged;
            socket.deadline = now + self.write_timeout;
            return Look::Level(next);
        }
        let peer = socket.stream.peer_addr().ok().and_then(|peer| peer.as_socket());
        let peer = peer.map_or("a local client".into(), |peer| peer.to_string());
        info!(
            unacknowledged,
            "{peer} took nothing for {} seconds; dropped with {unacknowledged} bytes not acknowledged",
            self.write_timeout.as_secs_f64()
        );
        Look::Ended(Err(Failure::Timeout))
    }
}

impl Drop for Closing {
    /// Nothing was cut: to all who are still here, everything has been said.
    fn drop(&mut self) {
        for socket in self.levels.iter().flatten() {
            leave_to_the_kernel(&socket.stream);
            self.count.ended(Ok(()));
        }
    }
}
