//! The rest of a monologue that did not fit the socket's buffer.

use super::Peer;
use super::closing::{Input, discard_input, reset_when_dropped, unacknowledged};
use bytes::Bytes;
use socket2::SockRef;
use std::io;
use std::net::TcpStream;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};
use tokio::task::yield_now;
use tokio::time::timeout;
use tracing::info;

/// How much the kernel keeps of what has not been sent yet, per connection. Beyond it a send waits, so
/// that any number of slow readers share one poem in our memory instead of holding a copy each in the
/// kernel's. What is on its way to the client is not counted, so this does not bound the throughput.
/// See TCP_NOTSENT_LOWAT in tcp(7).
pub(super) const UNSENT: u32 = 32 * 1024;

/// How much is sent at one go before the worker's other tasks get their turn, in bytes.
const TURN: usize = 256 * 1024;

/// Sends as much of `bytes` as the kernel takes at once, and returns how much that was.
///
/// With MSG_MORE the last segment waits for the FIN, which comes next, and travels with it.
pub(super) fn send_at_once(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match SockRef::from(stream).send_with_flags(bytes, libc::MSG_MORE | libc::MSG_NOSIGNAL) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Sends `bytes` from `sent` on, as fast as the client reads; what the client sends is discarded.
///
/// The stream comes here [to be reset when dropped](reset_when_dropped), and is returned when everything
/// is sent, to be closed in order. `None`: the client went away, or took nothing for
/// `write_timeout`; the connection has been reset and the log says why.
pub(super) async fn deliver(
    stream: TcpStream,
    peer: Peer,
    bytes: Bytes,
    mut sent: usize,
    write_timeout: Duration,
) -> Option<TcpStream> {
    let total = bytes.len();
    match send_rest(stream, &bytes, &mut sent, write_timeout).await {
        Ok(stream) => {
            reset_when_dropped(&stream, false);
            return Some(stream);
        }
        Err(e) if e.kind() == io::ErrorKind::TimedOut => info!(
            sent,
            total,
            "{peer} took nothing for {} seconds; dropped after {sent} of {total} bytes",
            write_timeout.as_secs_f64()
        ),
        Err(e) => info!(sent, total, "{peer} went away after {sent} of {total} bytes: {e}"),
    }
    None
}

async fn send_rest(
    stream: TcpStream,
    bytes: &Bytes,
    sent: &mut usize,
    write_timeout: Duration,
) -> io::Result<TcpStream> {
    let mut interest = Interest::READABLE | Interest::WRITABLE;
    // SAFETY: the AsyncFd owns the stream, whose descriptor neither changes nor closes before it is dropped.
    let socket = unsafe { AsyncFd::register_with_interest(stream, interest) }?;
    while *sent < bytes.len() {
        let before = *sent;
        let unread = unacknowledged(socket.get_ref());
        let progress = async {
            while *sent == before {
                let mut ready = socket.ready(interest).await?;
                if interest.is_readable() && ready.ready().is_readable() {
                    match discard_input(socket.get_ref())? {
                        Input::Open => {}
                        Input::Empty => ready.clear_ready_matching(Ready::READABLE),
                        Input::Ended => interest = Interest::WRITABLE, // it still reads
                    }
                }
                if ready.ready().is_writable() {
                    let turn = &bytes[*sent..bytes.len().min(*sent + TURN)];
                    let taken = send_at_once(socket.get_ref(), turn)?;
                    *sent += taken;
                    if taken < turn.len() {
                        ready.clear_ready_matching(Ready::WRITABLE);
                    }
                }
                yield_now().await;
            }
            io::Result::Ok(())
        };
        match timeout(write_timeout, progress).await {
            Ok(progress) => progress?,
            // A slow reader makes room in the kernel for the next bytes only now and then.
            Err(_) if unacknowledged(socket.get_ref()) < unread => {}
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
    Ok(socket.into_inner())
}
