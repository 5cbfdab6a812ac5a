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
use super::limit::Place;
use super::socket::{Input, discard_input, is_over, leave_to_the_kernel, unacknowledged};
use socket2::Socket;
use std::collections::VecDeque;
use std::future::pending;
use std::net::Shutdown;
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

impl Closing {
    pub(super) fn new(
        alarm: Arc<Alarm>,
        linger_timeout: Duration,
        write_timeout: Duration,
    ) -> Self {
        let (levels, swept) = (Default::default(), Instant::now());
        Self { levels, alarm, swept, linger_timeout, write_timeout }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels.iter().all(VecDeque::is_empty)
    }

    /// Sends the FIN and takes the socket over, with its place among the open connections.
    pub(super) fn push(&mut self, stream: Socket, place: Place) {
        if stream.shutdown(Shutdown::Write).is_err() {
            return; // the client is gone
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
        let mut looks = 0;
        for level in 0..self.levels.len() {
            while looks < SWEEP
                && self.levels[level].front().is_some_and(|socket| socket.due <= now)
            {
                looks += 1;
                let Some(mut socket) = self.levels[level].pop_front() else { break };
                if let Some(next) = self.look(&mut socket, level, now) {
                    socket.due = now + PAUSES[next];
                    self.levels[next].push_back(socket);
                }
            }
        }
        if looks < SWEEP {
            self.swept = now;
        }
    }

    /// Looks at a socket of this level. Returns the one that it goes to; `None`: it is to be dropped.
    fn look(&self, socket: &mut Leaving, level: usize, now: Instant) -> Option<usize> {
        if is_over(&socket.stream) {
            return None;
        }
        let next = match discard_input(&socket.stream) {
            Ok(Input::Open) => 0, // it sends a lot, and is to be let
            Ok(Input::Empty) => (level + 1).min(PAUSES.len() - 1),
            Ok(Input::Ended) => {
                leave_to_the_kernel(&socket.stream);
                return None;
            }
            Err(_) => return None,
        };
        (now < socket.deadline || self.extend(socket, now)).then_some(next)
    }

    /// At its deadline a socket gets more time only while the client still takes what was sent.
    fn extend(&self, socket: &mut Leaving, now: Instant) -> bool {
        let unacknowledged = unacknowledged(&socket.stream);
        if unacknowledged == 0 {
            leave_to_the_kernel(&socket.stream); // the client has everything, and just does not close
            return false;
        }
        if unacknowledged < socket.unacknowledged {
            socket.unacknowledged = unacknowledged;
            socket.deadline = now + self.write_timeout;
            return true;
        }
        let peer = socket.stream.peer_addr().ok().and_then(|peer| peer.as_socket());
        let peer = peer.map_or("a local client".into(), |peer| peer.to_string());
        info!(
            unacknowledged,
            "{peer} took nothing for {} seconds; dropped with {unacknowledged} bytes not acknowledged",
            self.write_timeout.as_secs_f64()
        );
        false
    }
}

impl Drop for Closing {
    /// Nothing was cut: to all who are still here, everything has been said.
    fn drop(&mut self) {
        self.levels.iter().flatten().for_each(|socket| leave_to_the_kernel(&socket.stream));
    }
}
