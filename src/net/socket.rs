//! The options and the state of one connection's socket.

use super::queue::limit_queue;
use socket2::{SockRef, Socket};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::warn;

/// How much of what a client sends is discarded in one check. A client that sends faster has to wait for the next
/// one.
const DISCARD: usize = 256 * 1024;

/// Sets what all connections need: they are reset unless they are closed normally, and the kernel keeps little
/// unsent data.
///
/// Connections inherit it from a listening socket, if it is set before the socket listens: a client can connect,
/// and its connection be made, long before it is accepted.
pub(super) fn set_connection_options(socket: BorrowedFd<'_>) {
    reset_when_dropped(&socket, true);
    if let Err(e) = limit_queue(&socket)
        && e.raw_os_error() != Some(libc::EOPNOTSUPP)
    // what a Unix socket says
    {
        warn!("can't set TCP_NOTSENT_LOWAT, so slow readers will use more kernel memory: {e}");
    }
}

/// Whether the connection is reset when this socket is dropped, so that the client knows that its answer is
/// incomplete, or closed normally. It works however the process ends.
pub(super) fn reset_when_dropped(stream: &impl AsFd, reset: bool) {
    let linger = reset.then_some(Duration::ZERO);
    // This fails only if the connection has gone.
    let _ = SockRef::from(stream).set_linger(linger);
}

/// Lets the kernel keep the connection of a dropped socket until the client has received everything.
pub(super) fn leave_to_the_kernel(stream: &Socket) {
    reset_when_dropped(stream, false);
}

/// Whether both sides have closed and both know it, or the connection is dead: then it can be dropped.
///
/// shutdown(2) fails then, and has no other effect on a connection whose FIN has been sent. Other ways to find
/// out cost more: TCP_INFO costs 2% of a poem's CPU time, and recv(2) can't tell this from a client that has
/// closed but may still need a part of the answer again.
pub(super) fn is_over(stream: &Socket) -> bool {
    stream.shutdown(Shutdown::Write).is_err()
}

/// How many bytes the client has not acknowledged: SIOCOUTQ in tcp(7). If this decreases, it is reading.
pub(super) fn unacknowledged(stream: &impl AsRawFd) -> usize {
    ask_for_number(stream, libc::TIOCOUTQ)
}

/// How many bytes have arrived that nobody has read: SIOCINQ of tcp(7).
pub(super) fn unread(stream: &impl AsRawFd) -> usize {
    ask_for_number(stream, libc::FIONREAD)
}

/// The answer to an ioctl(2) request that writes an int: `TIOCOUTQ` or `FIONREAD`. 0 if there is none.
fn ask_for_number(stream: &impl AsRawFd, request: libc::Ioctl) -> usize {
    let mut number: libc::c_int = 0;
    // SAFETY: both requests write one int to the address that they are given, and `number` is one.
    let done = unsafe { libc::ioctl(stream.as_raw_fd(), request, &raw mut number) };
    if done == 0 { usize::try_from(number).unwrap_or(0) } else { 0 }
}

/// What [`discard_input`] found after the data that it discarded.
pub(super) enum Input {
    /// The client has sent something, and there may be more.
    Open,
    /// The client has sent nothing more.
    Empty,
    /// The client has closed its side.
    Ended,
}

/// Discards what the client has sent, a limited amount of it.
///
/// With MSG_TRUNC a TCP socket drops the bytes instead of copying them; see tcp(7). A Unix socket does not
/// support that, and needs a buffer.
pub(super) fn discard_input(stream: &Socket) -> io::Result<Input> {
    loop {
        let (fd, nowhere) = (stream.as_raw_fd(), std::ptr::null_mut());
        let flags = libc::MSG_TRUNC | libc::MSG_DONTWAIT;
        // SAFETY: with MSG_TRUNC on a TCP socket, nothing is written to the buffer. On others, the kernel finds
        // that there is none, and returns EFAULT.
        let discarded = unsafe { libc::recv(fd, nowhere, DISCARD, flags) };
        let discarded = match usize::try_from(discarded) {
            Ok(discarded) => Ok(discarded),
            Err(_) => match io::Error::last_os_error() {
                e if e.raw_os_error() == Some(libc::EFAULT) => {
                    stream.recv(&mut [std::mem::MaybeUninit::uninit(); 4096])
                }
                e => Err(e),
            },
        };
        match discarded {
            Ok(0) => return Ok(Input::Ended),
            Ok(_) => return Ok(Input::Open),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Input::Empty),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Registers a connection with the reactor of the worker that calls this.
pub(super) fn register(stream: Socket) -> io::Result<AsyncFd<Socket>> {
    let interest = Interest::READABLE | Interest::WRITABLE;
    // SAFETY: the AsyncFd owns the stream, whose descriptor neither changes nor closes before it is
    // dropped.
    Ok(unsafe { AsyncFd::register_with_interest(stream, interest) }?)
}
