//! The thread that serves the control socket.

use super::routes::{self, Asker, Control};
use crate::http::{self, Clients, Crowd, Limits, Thread};
use std::io;
use std::os::unix::net::UnixListener;
use std::time::Duration;
use tokio::net::UnixStream;

pub(super) const LIMITS: Limits = Limits {
    silent: 8,
    in_progress: 8,
    request_timeout: Duration::from_secs(5),
    answer_timeout: Duration::from_secs(30),
};

/// The most descriptors that the control socket uses at the same time for its clients.
pub(crate) const MAX_DESCRIPTORS: usize = LIMITS.descriptors();

/// Serves this socket, on a thread of its own, until the process ends.
///
/// # Errors
/// If the system has no thread or descriptor left.
pub(crate) fn serve(listener: UnixListener, control: Control) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let thread = Thread::new("control")?;
    let listener = Listener(thread.enter(|| tokio::net::UnixListener::from_std(listener))?);
    let (router, crowd) = (routes::router(control), Crowd::new(LIMITS));
    thread.run(http::accept("the control socket", listener, router, crowd, routes::too_many))
}

struct Listener(tokio::net::UnixListener);

impl Clients for Listener {
    type Stream = UnixStream;
    type Client = Asker;

    async fn next(&self) -> io::Result<(UnixStream, Asker)> {
        let (stream, _) = self.0.accept().await?;
        let asker = Asker::of(&stream);
        Ok((stream, asker))
    }
}
