//! Ends the process when its time is up, even if it is waiting for a server or for a reader of its output.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd;
use std::process;
use std::thread;
use std::time::Duration;

/// How long the process may take, once its time is up, to write what has arrived by then.
const TIME_TO_WRITE: Duration = Duration::from_secs(1);

/// Ends the process with status 1 a moment after its time is up, whatever it is waiting for.
///
/// # Errors
/// If the system can't start a thread for that.
pub fn enforce(max_time: Duration) -> io::Result<()> {
    let wait_and_exit = move || {
        thread::sleep(max_time + TIME_TO_WRITE);
        say_without_waiting(&format!("get-poetry: {}\n", message(max_time)));
        process::exit(1);
    };
    thread::Builder::new().spawn(wait_and_exit).map(drop)
}

/// The message when the time is up.
pub fn message(max_time: Duration) -> String {
    format!("gave up: the --max-time of {} s is over", max_time.as_secs_f64())
}

/// Writes to standard error if that is possible without waiting. (Its lock may be held by a thread that is
/// waiting.)
fn say_without_waiting(text: &str) {
    let stderr = io::stderr();
    let mut polled = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
        let _ = nix::unistd::write(&stderr, text.as_bytes());
    }
}
