//! Keeps new clients away from a listening socket that is about to be closed: those that it has when it is closed
//! are reset.

use super::Endpoint;
use socket2::{SockFilter, Socket};
use std::io;

/// Where the flags are in the header of a TCP segment.
const FLAGS: u32 = 13;
const SYN: u32 = 0x02;
const ACK: u32 = 0x10;

/// From now on, a client that comes is not let in. It tries again after a second, as if its first packet had been
/// lost, and is refused then if the socket has been closed. Clients whose connection is being established still get in.
///
/// Where the system does not allow this, a backlog of 0 has to do. It does not keep the first client away, and leaves
/// the others with connections that never end.
pub(super) fn refuse_new_clients(socket: &Socket, endpoint: &Endpoint) {
    let refused = match endpoint {
        Endpoint::Tcp(_) => socket.attach_filter(&without_first_segments()),
        _ => Err(io::ErrorKind::Unsupported.into()),
    };
    if refused.is_err() {
        let _ = socket.listen(0); // all but one
    }
}

/// Undoes [`refuse_new_clients`], apart from the backlog.
pub(super) fn admit_new_clients(socket: &Socket, endpoint: &Endpoint) {
    if matches!(endpoint, Endpoint::Tcp(_)) {
        let _ = socket.detach_filter(); // an error means that there is none
    }
}

/// A program for the kernel that drops the segments that begin a connection, and no others; connections that are
/// accepted have it, too. See [`filter.rst`] in the kernel's documentation.
///
/// [`filter.rst`]: https://docs.kernel.org/networking/filter.html
fn without_first_segments() -> [SockFilter; 5] {
    let step = |code: u32, if_equal, if_not, k| SockFilter::new(code as u16, if_equal, if_not, k);
    [
        step(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, FLAGS),
        step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, SYN | ACK),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, SYN),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
    ]
}

#[cfg(test)]
mod tests;
