//! Work that may block for ever, while there is something to clean up.

use super::signals::Signals;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd;
use std::panic;
use std::thread;

/// Does some work on a thread of its own, which ends when the work is done. `None`: a signal asked for a stop
/// before that, and the thread is abandoned.
pub(super) fn unless_stopped<T: Send + 'static>(
    signals: &Signals,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Option<T>> {
    let stop = signals.stop_reader()?;
    let (done, at_work) = io::pipe()?;
    let worker = thread::Builder::new().spawn(move || {
        let result = work();
        drop(at_work);
        result
    })?;
    loop {
        let mut fds = [&done.as_fd(), &stop.as_fd()].map(|fd| PollFd::new(*fd, PollFlags::POLLIN));
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
        if fds[0].any().unwrap_or(false) {
            return Ok(Some(worker.join().unwrap_or_else(|panic| panic::resume_unwind(panic))));
        }
        if stop.next().is_some() {
            return Ok(None);
        }
    }
}
