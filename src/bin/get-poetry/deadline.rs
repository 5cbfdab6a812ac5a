//! The end of a process that nothing holds up: neither a server nor whoever takes what it writes.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd;
use std::process;
use std::thread;
use std::time::Duration;

/// How long the process has, once its time is up, to write what has come by then.
const TIME_TO_WRITE: Duration = Duration::from_secs(1);

/// Ends the process with status 1 a moment after its time is up, whatever it waits for then.
///
/// # Errors
/// If the system has no thread for that.
pub fn enforce(max_time: Duration) -> io::Result<()> {
    let wait_and_exit = move || {
        thread::sleep(max_time + TIME_TO_WRITE);
        say_without_waiting(&format!("get-poetry: {}\n", message(max_time)));
        process::exit(1);
    };
    thread::Builder::new().spawn(wait_and_exit).map(drop)
}

/// What is said when the time is up.
pub fn message(max_time: Duration) -> String {
    format!("gave up: the --max-time of {} s is over", max_time.as_secs_f64())
}

/// Writes to standard error if it takes something at once. (Its lock may be held by whoever waits.)
fn say_without_waiting(text: &str) {
    let stderr = io::stderr();
    let mut polled = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
        let _ = nix::unistd::write(&stderr, text.as_bytes());
    }
}
