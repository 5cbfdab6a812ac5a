//! The end of a listening socket: first it keeps new clients away, and when it is closed, those that it has are reset.

use super::{Endpoint, TakenDescriptors};
use socket2::{SockFilter, Socket};
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::sleep;

/// Where the flags are in the header of a TCP segment.
const FLAGS: u32 = 13;
const SYN: u32 = 0x02;
const ACK: u32 = 0x10;

/// How long a closed socket keeps its port: longer than a core takes to process a segment, even if it belongs to a virtual
/// machine that has to wait meanwhile.
const PORT_KEPT: Duration = Duration::from_millis(100);

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

/// Closes a listening socket of which nobody has a duplicate. The clients that it has are reset.
///
/// close(2) alone also takes the port away. If another core is just completing a handshake, the kernel then finds that it
/// can't give the connection a port, and forgets it without a reset (`__inet_inherit_port` in the kernel's
/// net/ipv4/inet_hashtables.c): its client would wait for ever for what we send. So the socket first ceases to listen, and
/// keeps its port for a moment. That does not help if the kernel chose the port, since such a port goes when a socket
/// ceases to listen.
pub(super) fn close_for_good(
    socket: Arc<Socket>,
    endpoint: &Endpoint,
    descriptor: Option<TakenDescriptors>,
) {
    if matches!(endpoint, Endpoint::Tcp(_))
        && let Ok(runtime) = Handle::try_current()
        && socket.shutdown(Shutdown::Read).is_ok()
    {
        runtime.spawn(async move {
            sleep(PORT_KEPT).await;
            drop((socket, descriptor));
        });
    }
}

/// A program for the kernel that drops the segments that begin a connection, and no others. A connection whose handshake
/// ends meanwhile has it, too, which does no harm: it has begun. See [`filter.rst`] in the kernel's documentation.
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
