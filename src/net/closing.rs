//! The end of a connection: everything has been sent, and the client has not closed yet.
//!
//! With a task for each closing connection, a poem would cost 20% more of the server's CPU time than with this
//! queue, whose sockets are checked in batches and never registered with the reactor.
//!
//! Until the kernel has nothing left to do for it, each of them [is reset when
//! dropped](super::socket::reset_when_dropped). That has been so since it was accepted, and to change it costs a
//! system call. It only matters if the process is killed meanwhile: then a client that has received the FIN and
//! only reads does not notice (on Linux), others see a reset.

use super::alarm::Alarm;
use super::connection_counters::{ConnectionCount, Failure};
use super::limit::Permit;
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

/// How long after the FIN a socket is checked, and after each further check. Most clients have closed by the
/// first one, and those that take their time cost little.
const CHECK_DELAYS: [Duration; 3] =
    [Duration::from_millis(16), Duration::from_millis(64), Duration::from_millis(256)];

/// How many sockets are checked before other tasks of the worker continue.
const MAX_CHECKS: usize = 256;

/// The closing sockets of one accept loop.
pub(super) struct Closing {
    /// `levels[n]` holds the sockets that were checked n times, in the order in which they are due.
    levels: [VecDeque<Leaving>; CHECK_DELAYS.len()],
    alarm: Arc<Alarm>,
    /// When there was nothing left to check. The next check is a first pause later, for many sockets together.
    swept: Instant,
    linger_timeout: Duration,
    write_timeout: Duration,
    /// The counters of the loop, whose connections end here.
    pub(super) count: ConnectionCount,
}

struct Leaving {
    stream: Socket,
    due: Instant,
    /// When to give up.
    deadline: Instant,
    /// How many bytes the client had not acknowledged when this was last checked.
    unacknowledged: usize,
    _permit: Permit,
}

/// The result of a check.
enum Checked {
    /// The socket moves to this level.
    Level(usize),
    /// The connection has ended; whether the client closed or reset it is not known yet.
    Over,
    /// The connection has ended in this way.
    Ended(Result<(), Failure>),
}

impl Closing {
    pub(super) fn new(alarm: Arc<Alarm>, options: &ServerOptions, count: ConnectionCount) -> Self {
        let (levels, swept) = (Default::default(), Instant::now());
        let &ServerOptions { linger_timeout, write_timeout, .. } = options;
        Self { levels, alarm, swept, linger_timeout, write_timeout, count }
    }

    /// How many sockets it has.
    pub(super) fn len(&self) -> usize {
        self.levels.iter().map(VecDeque::len).sum()
    }

    /// Sends the FIN and takes the socket, with its permit.
    pub(super) fn push(&mut self, stream: Socket, permit: Permit) {
        if stream.shutdown(Shutdown::Write).is_err() {
            // The client has gone.
            let reset = !matches!(stream.take_error(), Ok(None));
            return self.count.ended(if reset { Err(Failure::Reset) } else { Ok(()) });
        }
        let now = Instant::now();
        let (due, deadline) = (now + CHECK_DELAYS[0], now + self.linger_timeout);
        let socket = Leaving { stream, due, deadline, unacknowledged: usize::MAX, _permit: permit };
        self.levels[0].push_back(socket);
    }

    /// Waits until [`sweep`](Self::sweep) has something to do; for ever if the queue is empty.
    pub(super) async fn due(&self) {
        let first =
            self.levels.iter().filter_map(|level| level.front()).map(|socket| socket.due).min();
        let Some(first) = first else { return pending().await };
        self.alarm.at(first.max(self.swept + CHECK_DELAYS[0])).await;
    }

    /// Checks the sockets that are due, a limited number of them, and drops those whose clients have closed.
    pub(super) fn sweep(&mut self) {
        let now = Instant::now();
        let (mut looks, mut over) = (0, Vec::new());
        for level in 0..self.levels.len() {
            while looks < MAX_CHECKS
                && self.levels[level].front().is_some_and(|socket| socket.due <= now)
            {
                looks += 1;
                let Some(mut socket) = self.levels[level].pop_front() else { break };
                match self.check(&mut socket, level, now) {
                    Checked::Level(next) => {
                        socket.due = now + CHECK_DELAYS[next];
                        self.levels[next].push_back(socket);
                    }
                    Checked::Over => over.push(socket),
                    Checked::Ended(end) => self.count.ended(end),
                }
            }
        }
        self.count_over(&over);
        if looks < MAX_CHECKS {
            self.swept = now;
        }
    }

    /// Counts connections that have ended. One poll(2) for all of them tells which ones have been reset: to ask
    /// each socket for its SO_ERROR would cost a poem 1.5% more of the server's CPU time.
    fn count_over(&mut self, over: &[Leaving]) {
        if over.is_empty() {
            return;
        }
        let flags = PollFlags::empty(); // errors are always reported
        let sockets = over.iter().map(|socket| PollFd::new(socket.stream.as_fd(), flags));
        let mut sockets: Vec<PollFd<'_>> = sockets.collect();
        let _ = poll(&mut sockets, PollTimeout::ZERO); // if it fails, none of them has any flag
        for socket in sockets {
            let reset = socket.revents().is_some_and(|found| found.contains(PollFlags::POLLERR));
            self.count.ended(if reset { Err(Failure::Reset) } else { Ok(()) });
        }
    }

    /// Checks a socket of this level.
    fn check(&self, socket: &mut Leaving, level: usize, now: Instant) -> Checked {
        if is_over(&socket.stream) {
            return Checked::Over;
        }
        let next = match discard_input(&socket.stream) {
            Ok(Input::Open) => 0, // it sends a lot, which is allowed
            Ok(Input::Empty) => (level + 1).min(CHECK_DELAYS.len() - 1),
            Ok(Input::Ended) => {
                leave_to_the_kernel(&socket.stream);
                return Checked::Ended(Ok(()));
            }
            Err(_) => return Checked::Ended(Err(Failure::Reset)),
        };
        if now < socket.deadline { Checked::Level(next) } else { self.extend(socket, next, now) }
    }

    /// At its deadline a socket gets more time only while the client is still reading what was sent.
    fn extend(&self, socket: &mut Leaving, next: usize, now: Instant) -> Checked {
        let unacknowledged = unacknowledged(&socket.stream);
        if unacknowledged == 0 {
            leave_to_the_kernel(&socket.stream); // the client has received everything, but does not close
            return Checked::Ended(Ok(()));
        }
        if unacknowledged < socket.unacknowledged {
            socket.unacknowledged = unacknowledged;
            socket.deadline = now + self.write_timeout;
            return Checked::Level(next);
        }
        let peer = socket.stream.peer_addr().ok().and_then(|peer| peer.as_socket());
        let peer = peer.map_or("a local client".into(), |peer| peer.to_string());
        info!(
            unacknowledged,
            "{peer} read nothing for {} seconds; dropped with {unacknowledged} bytes not acknowledged",
            self.write_timeout.as_secs_f64()
        );
        Checked::Ended(Err(Failure::Timeout))
    }
}

impl Drop for Closing {
    /// Nothing is cut: everything has been sent to the clients that are still connected.
    fn drop(&mut self) {
        for socket in self.levels.iter().flatten() {
            leave_to_the_kernel(&socket.stream);
            self.count.ended(Ok(()));
        }
    }
}
