//! The rest of a monologue that did not fit the socket's buffer.

use super::socket::{Input, discard_input, register, unacknowledged};
use super::{Payload, Peer};
use socket2::Socket;
use std::io;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};
use tokio::task::yield_now;
use tokio::time::timeout;
use tracing::{info, warn};

/// How much is sent at one go before others on the worker get their turn, in bytes. (To a client that reads
/// as fast as it is sent, sendfile(2) would go on to the end of a poem.)
pub(super) const TURN: usize = 256 * 1024;

/// A monologue that is being sent as fast as its client reads. What the client sends is discarded.
///
/// There may be ten thousand of these: what a task needs is in here once.
struct Delivery {
    socket: AsyncFd<Socket>,
    peer: Peer,
    payload: Payload,
    sent: usize,
    write_timeout: Duration,
    interest: Interest,
}

/// Delivers `payload` from `sent` on, on a stream that [is reset when dropped](super::socket::reset_when_dropped), and returns
/// it when everything is sent, to be closed in order. `None`: the client went away, or took nothing for
/// `write_timeout`; the connection has been reset and the log says why.
pub(super) async fn deliver(
    stream: Socket,
    peer: Peer,
    payload: Payload,
    sent: usize,
    write_timeout: Duration,
) -> Option<Socket> {
    let interest = Interest::READABLE | Interest::WRITABLE;
    let socket = match register(stream) {
        Ok(socket) => socket,
        Err(e) => {
            warn!("{peer} was dropped after {sent} bytes: {e}");
            return None;
        }
    };
    let mut delivery = Delivery { socket, peer, payload, sent, write_timeout, interest };
    if delivery.run().await { Some(delivery.socket.into_inner()) } else { None }
}

impl Delivery {
    /// Sends everything. `false`: the client did not take it.
    async fn run(&mut self) -> bool {
        while self.sent < self.payload.len() {
            let unread = unacknowledged(self.socket.get_ref());
            match timeout(self.write_timeout, self.progress()).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => {
                    self.gone(&e);
                    return false;
                }
                // A slow reader makes room in the kernel for the next bytes only now and then.
                Err(_) if unacknowledged(self.socket.get_ref()) < unread => {}
                Err(_) => {
                    self.stalled();
                    return false;
                }
            }
        }
        true
    }

    /// Sends some more.
    async fn progress(&mut self) -> io::Result<()> {
        let before = self.sent;
        while self.sent == before {
            let mut ready = self.socket.ready(self.interest).await?;
            if self.interest.is_readable() && ready.ready().is_readable() {
                match discard_input(self.socket.get_ref())? {
                    Input::Open => {}
                    Input::Empty => ready.clear_ready_matching(Ready::READABLE),
                    Input::Ended => self.interest = Interest::WRITABLE, // it still reads
                }
            }
            if ready.ready().is_writable() {
                let turn = TURN.min(self.payload.len() - self.sent);
                let taken = self.payload.send(self.socket.get_ref(), self.sent, turn)?;
                self.sent += taken;
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
        let (peer, sent, total) = (&self.peer, self.sent, self.payload.len());
        info!(sent, total, "{peer} went away after {sent} of {total} bytes: {e}");
    }

    fn stalled(&self) {
        let (peer, sent, total) = (&self.peer, self.sent, self.payload.len());
        let seconds = self.write_timeout.as_secs_f64();
        info!(
            sent,
            total,
            "{peer} took nothing for {seconds} seconds; dropped after {sent} of {total} bytes"
        );
    }
}
