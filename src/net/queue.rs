//! How much the kernel may queue for a connection.
//!
//! The less it is, the less memory a slow reader takes, and the more often a fast one has to be sent something. So each
//! connection begins with little. One that has taken much gets a share of a budget of the process, which it gives back when
//! it ends or slows down.

use crate::service::Workers;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{SockRef, Socket};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How much unsent data the kernel keeps for each connection. Beyond that a send waits, so that any number of
/// slow readers share one poem in our memory instead of each having a copy in the kernel's. Data that has been
/// sent and not acknowledged is not counted, so this does not limit the throughput. See TCP_NOTSENT_LOWAT in
/// tcp(7).
const UNSENT: u32 = 32 * 1024;

/// How much all connections of the process may have beyond that, in bytes.
const BUDGET: u32 = 64 << 20;

/// Of what is left of the budget, a connection gets this part: so a few clients get deep queues, up to 4 MiB, and many get
/// some.
const PART: u32 = 16;

/// The smallest share of the budget, in bytes.
const SMALLEST_SHARE: u32 = 1 << 20;

/// After so many bytes a connection asks for a share.
pub(super) const BYTES_BEFORE_SHARE: u64 = 1 << 20;

/// A client that takes less than half of its queue in this time gives its share back.
pub(super) const SLOW: Duration = Duration::from_millis(250);

/// The budget of the process, and how much of it has been taken.
#[derive(Default)]
pub(super) struct Budget {
    taken: AtomicU32,
}

/// The part of the budget that one connection uses. It goes back when this is dropped.
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: u32,
}

impl Budget {
    pub(super) fn of(workers: &Workers) -> Arc<Self> {
        workers.shared()
    }

    /// A share for this connection, whose queue is deeper from now on. `Ok(None)`: there is none now. An error: it
    /// must not have one.
    pub(super) fn share(self: &Arc<Self>, stream: &Socket) -> io::Result<Option<Share>> {
        let Some(share) = self.take() else { return Ok(None) };
        // BBR gets slower with a deep queue.
        if stream.tcp_congestion()?.starts_with(b"bbr") {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // What is sent is large, and its last segment need not wait for the acknowledgement of the others.
        stream.set_tcp_nodelay(true)?;
        limit_unsent(stream, UNSENT + share.bytes)?;
        Ok(Some(share))
    }

    #[cfg(test)]
    pub(super) fn take_all(self: &Arc<Self>) -> Vec<Share> {
        std::iter::from_fn(|| self.take()).collect()
    }

    /// Whether nobody has a share.
    #[cfg(test)]
    pub(super) fn is_whole(&self) -> bool {
        self.taken.load(Ordering::Relaxed) == 0
    }

    fn take(self: &Arc<Self>) -> Option<Share> {
        let part_of = |taken: u32| ((BUDGET - taken) / PART).max(SMALLEST_SHARE);
        let more = |taken: u32| Some(taken + part_of(taken)).filter(|taken| *taken <= BUDGET);
        let before = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Share { budget: self.clone(), bytes: part_of(before) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Whether the kernel has little unsent data. If not, the reactor will know when that changes: poll(2) makes the kernel
/// wake it.
pub(super) fn is_queue_short(socket: &impl AsFd) -> bool {
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    // If it fails, or the connection has failed, there is nothing to wait for.
    poll(&mut polled, PollTimeout::ZERO).is_err() || polled[0].any().unwrap_or(true)
}

/// The kernel keeps as little unsent data as for any new connection.
pub(super) fn limit_queue(socket: &impl AsFd) -> io::Result<()> {
    limit_unsent(socket, UNSENT)
}

fn limit_unsent(socket: &impl AsFd, most: u32) -> io::Result<()> {
    SockRef::from(socket).set_tcp_notsent_lowat(most)
}

#[cfg(test)]
mod tests;
