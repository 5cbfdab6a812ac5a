//! The options and the state of one connection's socket.

use socket2::{SockRef, Socket};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::warn;

/// How much the kernel keeps of what has not been sent yet, per connection. Beyond it a send waits, so
/// that any number of slow readers share one poem in our memory instead of holding a copy each in the
/// kernel's. What is on its way to the client is not counted, so this does not bound the throughput.
/// See TCP_NOTSENT_LOWAT in tcp(7).
const UNSENT: u32 = 32 * 1024;

/// How many bytes of what a client sends are discarded at one look. One that sends faster waits for the
/// next look, as its own sends do.
const DISCARD: usize = 256 * 1024;

/// Sets what every connection is to have: it is reset unless it is ended in order, and the kernel keeps
/// little of what is not sent yet.
///
/// Connections inherit it from a listening socket, if that has it before it listens: a client can connect,
/// and its connection be made, long before it is accepted.
pub(super) fn set_connection_options(socket: BorrowedFd<'_>) {
    reset_when_dropped(&socket, true);
    if let Err(e) = SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT)
        && e.raw_os_error() != Some(libc::EOPNOTSUPP)
    // what a Unix socket says
    {
        warn!("slow readers will cost more of the kernel's memory: TCP_NOTSENT_LOWAT: {e}");
    }
}

/// Whether dropping this socket resets the connection, so that the client knows its answer to be
/// incomplete, rather than ending it in order. It holds however the process ends.
pub(super) fn reset_when_dropped(stream: &impl AsFd, reset: bool) {
    let linger = reset.then_some(Duration::ZERO);
    // Fails only on a connection that is gone.
    let _ = SockRef::from(stream).set_linger(linger);
}

/// A dropped socket's connection goes on in the kernel until the client has everything.
pub(super) fn leave_to_the_kernel(stream: &Socket) {
    reset_when_dropped(stream, false);
}

/// Whether both sides have ended and both know it, or the connection is dead: it can be dropped.
///
/// shutdown(2) fails then, and does nothing else to a connection whose FIN is sent. The other ways to ask
/// cost more: TCP_INFO 2% of a poem's CPU time, and recv(2) can't tell this from a client that has closed
/// but may still need a part of the answer to be sent again.
pub(super) fn is_over(stream: &Socket) -> bool {
    stream.shutdown(Shutdown::Write).is_err()
}

/// How many bytes the client has not acknowledged: SIOCOUTQ of tcp(7). While this falls, it is reading.
pub(super) fn unacknowledged(stream: &impl AsRawFd) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request writes one int to the address that it is given, and `bytes` is one.
    let done = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if done == 0 { usize::try_from(bytes).unwrap_or(0) } else { 0 }
}

/// What [`discard_input`] found after what it discarded.
pub(super) enum Input {
    /// The client has sent something, and there may be more.
    Open,
    /// The client has sent nothing since.
    Empty,
    /// The client has closed its side.
    Ended,
}

/// Takes what the client has sent, a bounded amount of it, and forgets it.
///
/// With MSG_TRUNC a TCP socket drops the bytes instead of copying them; see tcp(7). A Unix socket does not
/// know how to, and needs a buffer.
pub(super) fn discard_input(stream: &Socket) -> io::Result<Input> {
    loop {
        let (fd, nowhere) = (stream.as_raw_fd(), std::ptr::null_mut());
        let flags = libc::MSG_TRUNC | libc::MSG_DONTWAIT;
        // SAFETY: with MSG_TRUNC on a TCP socket, nothing is written to the buffer; on others, the kernel
        // finds that there is none, and says EFAULT.
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

/// Registers a connection with the reactor of the worker that this is called on.
pub(super) fn register(stream: Socket) -> io::Result<AsyncFd<Socket>> {
    let interest = Interest::READABLE | Interest::WRITABLE;
    // SAFETY: the AsyncFd owns the stream, whose descriptor neither changes nor closes before it is
    // dropped.
    Ok(unsafe { AsyncFd::register_with_interest(stream, interest) }?)
}
