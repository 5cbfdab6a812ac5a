//! The daemon, and the sockets that are passed to it. They outlive it, so that clients wait in their queues
//! meanwhile.

#![allow(clippy::disallowed_methods, reason = "a benchmark runs as the shell that it is run from")]

use crate::arena::contenders::POEM;
use crate::arena::processes::until;
use crate::kind::Kind;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Numbers beyond the descriptors that are passed to the daemon.
const FIRST_OF_OURS: RawFd = 100;

/// How many clients may wait in each queue.
const BACKLOG: i32 = 4096;

const PROTOCOLS: [(&str, &str); 5] = [
    ("fast", "protocol = \"fast\"\npoem = \"ecstasy\""),
    ("slow", "protocol = \"slow\"\npoem = \"ecstasy\"\nnum-bytes = 1000\ndelay = 0.001"),
    ("transform", "protocol = \"transform\""),
    ("forward", "protocol = \"forward\"\nto = \"127.0.0.1:{FAST}\""),
    ("proxy", "protocol = \"proxy\"\nupstream = \"127.0.0.1:{FAST}\"\nttl = 1"),
];

/// Where clients connect.
pub struct Addresses {
    tcp: Vec<SocketAddr>,
    quote: SocketAddr,
    pub unix: PathBuf,
}

impl Addresses {
    pub fn of(&self, kind: Kind) -> SocketAddr {
        match kind {
            Kind::SlowPoem => self.tcp[1],
            Kind::Transform | Kind::BrokenRequest => self.tcp[2],
            Kind::Forward => self.tcp[3],
            Kind::Proxy => self.tcp[4],
            Kind::Quote => self.quote,
            _ => self.tcp[0],
        }
    }
}

/// A directory with an application, and sockets for the daemons that run it, one after another.
pub struct Place {
    directory: TempDir,
    sockets: Vec<OwnedFd>,
    names: String,
    pub addresses: Addresses,
}

impl Place {
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let loopback = (Ipv4Addr::LOCALHOST, 0);
        let listeners = PROTOCOLS.map(|_| TcpListener::bind(loopback).unwrap());
        let tcp: Vec<SocketAddr> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
        let quote = UdpSocket::bind(loopback).unwrap();
        let unix = directory.path().join("poetry.sock");
        let local = UnixListener::bind(&unix).unwrap();
        let addresses = Addresses { tcp, quote: quote.local_addr().unwrap(), unix };
        let mut sockets: Vec<OwnedFd> = listeners.into_iter().map(OwnedFd::from).collect();
        sockets.extend([OwnedFd::from(quote), OwnedFd::from(local)]);
        let sockets: Vec<OwnedFd> = sockets.into_iter().map(out_of_the_way).collect();
        sockets.iter().for_each(queue_many);
        let names = "fast:slow:transform:forward:proxy:quote:local".to_owned();
        fs::write(directory.path().join("ecstasy.txt"), POEM).unwrap();
        let place = Self { directory, sockets, names, addresses };
        fs::write(place.path("faults.toml"), place.application()).unwrap();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn application(&self) -> String {
        let fast = self.addresses.tcp[0].port().to_string();
        let mut text = "[daemon]\nstop-timeout = 20\n[log]\nrotate-at = \"1MB\"\nkeep = 10000\n\
                        [services.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n"
            .to_owned();
        for ((name, settings), address) in PROTOCOLS.iter().zip(&self.addresses.tcp) {
            let (port, settings) = (address.port(), settings.replace("{FAST}", &fast));
            text += &format!(
                "[services.{name}]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = {port}\n{settings}\n"
            );
        }
        text + &format!(
            "[services.quote]\nkind = \"quote\"\ninterface = \"127.0.0.1\"\nport = {}\npoem = \"ecstasy\"\n\
             [services.local]\nkind = \"unix\"\npath = \"poetry.sock\"\nprotocol = \"fast\"\npoem = \"ecstasy\"\n",
            self.addresses.quote.port()
        )
    }

    pub fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_poetryd"));
        command
            .args(options)
            .arg("faults.toml")
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        for name in ["LISTEN_PID", "FDSTORE", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            command.env_remove(name);
        }
        command.env("LISTEN_FDS", self.sockets.len().to_string());
        command.env("LISTEN_FDNAMES", &self.names);
        let sockets: Vec<RawFd> = self.sockets.iter().map(AsRawFd::as_raw_fd).collect();
        let lend = move || {
            for (number, socket) in (3..).zip(&sockets) {
                // SAFETY: in the child, whose own descriptors with these numbers are replaced before it
                // execs.
                if unsafe { libc::dup2(*socket, number) } == -1 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        };
        // SAFETY: between fork and exec this only makes system calls; it neither allocates nor takes a lock.
        unsafe { command.pre_exec(lend) };
        command
    }

    /// Starts the daemon and waits until it is ready.
    pub fn start(&self, mut command: Command) -> Daemon {
        let words = self.path("stderr");
        command.stdout(Stdio::null()).stderr(File::create(&words).unwrap());
        let status = command.status().unwrap();
        let said = || fs::read_to_string(&words).unwrap_or_default();
        assert!(status.success(), "poetryd does not start: {status}\n{}", said());
        let pid_file = self.path("poetryd.pid");
        let pid = fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
        Daemon { pid: Pid::from_raw(pid), pid_file }
    }
}

/// The same socket with a number that is not passed to the daemon.
fn out_of_the_way(socket: OwnedFd) -> OwnedFd {
    // SAFETY: a plain system call. The descriptor that it returns is new, and nothing else uses it.
    unsafe {
        let moved = libc::fcntl(socket.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST_OF_OURS);
        assert!(moved >= FIRST_OF_OURS, "{}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(moved)
    }
}

/// Makes the backlog of a listening socket longer. A datagram socket has none, and stays as it is.
fn queue_many(socket: &OwnedFd) {
    // SAFETY: a plain system call on a descriptor that is open.
    unsafe { libc::listen(socket.as_raw_fd(), BACKLOG) };
}

/// A running daemon.
pub struct Daemon {
    pub pid: Pid,
    pid_file: PathBuf,
}

impl Daemon {
    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    /// # Panics
    /// If it has ended by itself.
    pub fn assert_running(&self) {
        let status = waitpid(self.pid, Some(WaitPidFlag::WNOHANG)).unwrap();
        assert_eq!(status, WaitStatus::StillAlive, "the daemon has ended by itself");
    }

    pub fn pid_file(&self) -> &Path {
        &self.pid_file
    }

    /// Ends it with a signal, and returns its exit status; `None` if it was killed by a signal.
    pub fn end(&self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        let mut status = WaitStatus::StillAlive;
        until("the end of the daemon", || {
            status = waitpid(self.pid, Some(WaitPidFlag::WNOHANG)).unwrap();
            status != WaitStatus::StillAlive
        });
        match status {
            WaitStatus::Exited(_, code) => Some(code),
            _ => None,
        }
    }

    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap().count()
    }

    /// VmRSS in kB.
    pub fn resident(&self) -> u64 {
        crate::arena::figures::kilobytes(&format!("/proc/{}/status", self.pid), "VmRSS")
    }
}
