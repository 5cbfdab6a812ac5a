//! Sends the rest of an answer that did not fit into the socket's buffer.

use super::connection_counters::{Failure, Traffic};
use super::socket::{Input, discard_input, register, unacknowledged};
use super::{Payload, Peer};
use socket2::Socket;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};
use tokio::task::yield_now;
use tokio::time::timeout;
use tracing::{info, warn};

/// How much is sent before other tasks of the worker continue, in bytes. (To a client that reads as fast as it is
/// sent, sendfile(2) would go on to the end of a poem.)
pub(super) const MAX_SEND: usize = 256 * 1024;

/// An answer that is being sent as fast as its client reads. What the client sends is discarded.
///
/// There may be ten thousand of these, so nothing is stored twice.
struct Delivery {
    peer: Peer,
    payload: Payload,
    traffic: Traffic,
    write_timeout: Duration,
    interest: Interest,
}

/// Sends the rest of `payload` on a stream that [is reset when dropped](super::socket::reset_when_dropped), and
/// returns the stream when everything has been sent, to be closed normally. If the client has gone, or has read
/// nothing for `write_timeout`, the connection has been reset and the log says why.
pub(super) fn deliver(
    stream: Socket,
    peer: Peer,
    payload: Payload,
    traffic: Traffic,
    write_timeout: Duration,
) -> impl Future<Output = (Result<Socket, Failure>, Traffic)> + Send {
    let interest = Interest::READABLE | Interest::WRITABLE;
    let mut delivery = Delivery { peer, payload, traffic, write_timeout, interest };
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

    /// Sends everything, unless the client does not read it.
    async fn run(&mut self, socket: &AsyncFd<Socket>) -> Result<(), Failure> {
        while self.sent() < self.payload.len() {
            let unread = unacknowledged(socket.get_ref());
            match timeout(self.write_timeout, self.progress(socket)).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => {
                    self.gone(&e);
                    return Err(Failure::of_socket(self.traffic.sent));
                }
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

    /// Sends some more.
    async fn progress(&mut self, socket: &AsyncFd<Socket>) -> io::Result<()> {
        let before = self.sent();
        while self.sent() == before {
            let mut ready = socket.ready(self.interest).await?;
            if self.interest.is_readable() && ready.ready().is_readable() {
                match discard_input(socket.get_ref())? {
                    Input::Open => {}
                    Input::Empty => ready.clear_ready_matching(Ready::READABLE),
                    Input::Ended => self.interest = Interest::WRITABLE, // it may still read
                }
            }
            if ready.ready().is_writable() {
                let turn = MAX_SEND.min(self.payload.len() - before);
                let taken = self.payload.send(socket.get_ref(), before, turn)?;
                self.traffic.sent += taken as u64;
                if taken < turn {
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
        let seconds = self.write_timeout.as_secs_f64();
        info!(
            sent,
            total,
            "{peer} read nothing for {seconds} seconds; dropped after {sent} of {total} bytes"
        );
    }
}

#[cfg(test)]
mod tests;
