//! Sends the rest of an answer that did not fit into the socket's buffer.

use super::connection_counters::{Failure, Traffic};
use super::pages::MOST_AT_ONCE;
use super::queue::{BYTES_BEFORE_SHARE, Budget, Share, is_queue_short, limit_queue};
use super::socket::{Input, discard_input, register, unacknowledged};
use super::{Payload, Peer};
use socket2::Socket;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};
use tokio::task::yield_now;
use tokio::time::timeout;
use tracing::{info, warn};

/// How much is sent before other tasks of the worker continue, in bytes.
pub(super) const MAX_SEND: usize = 256 * 1024;

/// The same for a client with a deep queue.
const MAX_SEND_DEEP: usize = MOST_AT_ONCE;

/// What holds for all deliveries of a server.
pub(super) struct Terms {
    pub(super) write_timeout: Duration,
    /// How long a client with a share of the budget may take for half of its queue.
    pub(super) slow: Duration,
    pub(super) budget: Arc<Budget>,
}

/// An answer that is being sent as fast as its client reads. What the client sends is discarded.
///
/// There may be ten thousand of these, so nothing is stored twice.
struct Delivery {
    peer: Peer,
    payload: Payload,
    traffic: Traffic,
    terms: Arc<Terms>,
    /// Kept until the kernel's queue is short again.
    share: Option<Share>,
    pace: Pace,
    /// Whether the client may still send something.
    open: bool,
}

/// Whether a delivery has a share of the budget for queues.
#[derive(Clone, Copy, PartialEq)]
enum Pace {
    /// None yet.
    New,
    Fast,
    /// It had one, or must not have one.
    Slow,
}

/// Sends the rest of `payload` on a stream that [is reset when dropped](super::socket::reset_when_dropped), and
/// returns the stream when everything has been sent, to be closed normally. If the client has gone, or has read
/// nothing for `write_timeout`, the connection has been reset and the log says why.
pub(super) fn deliver(
    stream: Socket,
    peer: Peer,
    payload: Payload,
    traffic: Traffic,
    terms: Arc<Terms>,
) -> impl Future<Output = (Result<Socket, Failure>, Traffic)> + Send {
    let (share, pace, open) = (None, Pace::New, true);
    let mut delivery = Delivery { peer, payload, traffic, terms, share, pace, open };
    // Not an `async fn`, whose future would contain both its arguments and the delivery.
    async move {
        let socket = match register(stream) {
            Ok(socket) => socket,
            Err(e) => {
                warn!("{} was dropped after {} bytes: {e}", delivery.peer, delivery.sent());
                return (Err(Failure::System), delivery.traffic);
            }
        };
        let sent = delivery.run(&socket).await;
        (sent.map(|()| socket.into_inner()), delivery.traffic)
    }
}

impl Delivery {
    fn sent(&self) -> usize {
        self.traffic.sent as usize // it is never more than the payload's length
    }

    /// Sends everything, unless the client does not read it. Then the kernel's queue is short.
    async fn run(&mut self, socket: &AsyncFd<Socket>) -> Result<(), Failure> {
        while !self.is_done() {
            let unread = unacknowledged(socket.get_ref());
            let fast = self.pace == Pace::Fast;
            let limit = if fast { self.terms.slow } else { self.terms.write_timeout };
            match timeout(limit, self.progress(socket)).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => {
                    self.gone(&e);
                    return Err(Failure::of_socket(self.traffic.sent));
                }
                Err(_) if fast => self.slow_down(socket.get_ref()),
                // A slow reader makes space in the kernel's buffer only now and then.
                Err(_) if unacknowledged(socket.get_ref()) < unread => {}
                Err(_) => {
                    self.stalled();
                    return Err(Failure::Timeout);
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, stream: &Socket, most: usize) -> io::Result<usize> {
        // With a share, it comes when the queue is short again.
        let fin_comes_next = self.share.is_none();
        let taken = self.payload.send(stream, self.sent(), most, fin_comes_next)?;
        self.traffic.sent += taken as u64;
        let all = self.sent() == self.payload.len();
        match self.pace {
            Pace::New if !all && self.traffic.sent >= BYTES_BEFORE_SHARE => self.speed_up(stream),
            Pace::Fast if all => self.slow_down(stream),
            _ => {}
        }
        Ok(taken)
    }

    /// Lets the kernel queue more, if there is a share of the budget.
    fn speed_up(&mut self, stream: &Socket) {
        self.pace = match self.terms.budget.share(stream) {
            Ok(None) => return,
            Ok(share) => {
                self.share = share;
                Pace::Fast
            }
            Err(_) => Pace::Slow,
        };
    }

    fn slow_down(&mut self, stream: &Socket) {
        self.pace = Pace::Slow;
        let _ = limit_queue(stream); // this has worked before
    }

    /// Gives the share back if the kernel's queue is short by now, and returns whether it is.
    fn gives_back(&mut self, stream: &Socket) -> bool {
        let short = is_queue_short(stream);
        if short {
            self.share = None;
        }
        short
    }

    fn is_done(&self) -> bool {
        self.sent() == self.payload.len() && self.share.is_none()
    }

    /// Sends some more. When everything has been sent, waits until the kernel's queue is short.
    async fn progress(&mut self, socket: &AsyncFd<Socket>) -> io::Result<()> {
        let before = self.sent();
        while self.sent() == before && !self.is_done() {
            let both = Interest::READABLE | Interest::WRITABLE;
            let interest = if self.open { both } else { Interest::WRITABLE };
            let mut ready = socket.ready(interest).await?;
            if self.open && ready.ready().is_readable() {
                match discard_input(socket.get_ref())? {
                    Input::Open => {}
                    Input::Empty => ready.clear_ready_matching(Ready::READABLE),
                    Input::Ended => self.open = false, // it may still read
                }
            }
            if ready.ready().is_writable() {
                let most = if self.share.is_some() { MAX_SEND_DEEP } else { MAX_SEND };
                let turn = most.min(self.payload.len() - before);
                let stream = socket.get_ref();
                let full = match self.pace {
                    Pace::Slow if self.share.is_some() => !self.gives_back(stream),
                    _ => self.send(stream, turn)? < turn,
                };
                if full {
                    ready.clear_ready_matching(Ready::WRITABLE);
                }
            }
            drop(ready);
            yield_now().await;
        }
        Ok(())
    }

    fn gone(&self, e: &io::Error) {
        let (peer, sent, total) = (&self.peer, self.sent(), self.payload.len());
        info!(sent, total, "{peer} went away after {sent} of {total} bytes: {e}");
    }

    fn stalled(&self) {
        let (peer, sent, total) = (&self.peer, self.sent(), self.payload.len());
        let seconds = self.terms.write_timeout.as_secs_f64();
        info!(
            sent,
            total,
            "{peer} read nothing for {seconds} seconds; dropped after {sent} of {total} bytes"
        );
    }
}

#[cfg(test)]
mod tests;
