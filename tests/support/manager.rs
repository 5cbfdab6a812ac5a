//! A service manager, as systemd is one: it is told when a daemon is ready, and when a reload begins and ends.

use super::{Foreground, LIMIT, Sandbox, is_running, until};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

/// The socket that `NOTIFY_SOCKET` names.
pub struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    /// Starts a command that is a daemon in the foreground, and waits until it is ready.
    pub fn start(sandbox: &Sandbox, mut command: Command) -> (Self, Foreground) {
        let socket = UnixDatagram::bind(sandbox.path("notify")).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        command.env("NOTIFY_SOCKET", sandbox.path("notify"));
        let (manager, daemon) = (Self { socket }, Foreground::start(command));
        until("the daemon to be ready", || {
            assert!(is_running(daemon.pid()), "{:?}", daemon.log());
            manager.has_message()
        });
        let message = manager.next();
        assert!(message.starts_with("READY=1\n"), "{message}");
        (manager, daemon)
    }

    fn has_message(&self) -> bool {
        let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        poll(&mut socket, PollTimeout::ZERO).unwrap() > 0
    }

    /// The next message.
    pub fn next(&self) -> String {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    /// Has the daemon reload, and waits for the end. Returns the verdict in a few words.
    pub fn reload(&self, daemon: &Foreground) -> String {
        daemon.signal(Signal::SIGHUP);
        let began = self.next();
        assert!(began.starts_with("RELOADING=1\n"), "{began}");
        let ended = self.next();
        let verdict = ended.strip_prefix("READY=1\nSTATUS=serving; ").map(str::trim_end);
        verdict.unwrap_or_else(|| panic!("{ended}")).to_owned()
    }
}

/// The time of the clock that service managers and daemons share.
pub fn microseconds() -> i64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    now.tv_sec() * 1_000_000 + now.tv_nsec() / 1_000
}
