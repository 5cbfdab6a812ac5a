//! More clients than there are descriptors, or places.

use crate::support::circumstances::{Room, room_for};
use crate::support::{
    Background, ECSTASY, Foreground, Sandbox, address_in, connect, fast_toml, fetch,
    open_descriptors, receive, run, stderr, until,
};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::Pid;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

const CLIENTS: usize = 500;
const DESCRIPTORS: u64 = 64;

/// What makes the daemon stop accepting: its own budget, or the system, if its limit is lowered when the daemon
/// has counted; and what it says then.
const LIMITS: [(Option<u64>, &str); 2] = [
    (None, " is reached; further clients wait in the backlog"),
    (Some(DESCRIPTORS), "can't accept: "),
];

/// A daemon that may open few descriptors, and more clients than that, all connected. Those that it has
/// accepted don't close.
struct Crowd {
    _sandbox: Sandbox,
    daemon: Foreground,
    clients: Vec<TcpStream>,
    complaint: &'static str,
    _room: Room,
}

impl Crowd {
    fn gather((lowered, complaint): (Option<u64>, &'static str)) -> Self {
        let room = room_for(CLIENTS);
        let sandbox = Sandbox::new();
        sandbox.write("fast.toml", &fast_toml("linger-timeout = 600"));
        let command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
        let counted = if lowered.is_some() { 2 * DESCRIPTORS } else { DESCRIPTORS };
        let daemon = Foreground::start(with_few_descriptors(command, counted)).ready();
        let address = daemon.address("fast");
        if let Some(lowered) = lowered {
            assert_eq!(fetch(address).unwrap(), ECSTASY);
            lower_limit(daemon.pid(), lowered);
        }
        let clients = (0..room.clients).map(|_| connect(address)).collect();
        daemon.wait_for(complaint);
        Self { _sandbox: sandbox, daemon, clients, complaint, _room: room }
    }

    /// Every client in turn reads its poem and closes, which makes room for another.
    fn be_served(&mut self) {
        for (number, mut client) in self.clients.drain(..).enumerate() {
            let (poem, error) = receive(&mut client);
            assert!(error.is_none() && poem == ECSTASY, "client {number}: {error:?}");
        }
    }
}

/// Lowers the limit of descriptors of a running process.
fn lower_limit(pid: Pid, descriptors: u64) {
    let limit = libc::rlimit { rlim_cur: descriptors, rlim_max: descriptors };
    // SAFETY: the call reads one structure, and is to write none.
    let done = unsafe {
        libc::prlimit(pid.as_raw(), libc::RLIMIT_NOFILE, &raw const limit, std::ptr::null_mut())
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

fn with_few_descriptors(mut command: Command, descriptors: u64) -> Command {
    let limit = move || Ok(setrlimit(Resource::RLIMIT_NOFILE, descriptors, descriptors)?);
    // SAFETY: setrlimit is one system call, which is allowed between fork and exec.
    unsafe { command.pre_exec(limit) };
    command
}

#[test]
fn a_crowd_is_served_whole_with_few_descriptors() {
    for limit in LIMITS {
        let mut crowd = Crowd::gather(limit);
        crowd.be_served();
    }
}

#[test]
fn the_cpu_is_idle_while_a_crowd_waits() {
    for limit in LIMITS {
        let crowd = Crowd::gather(limit);
        until("a time in which the daemon uses next to no CPU", || {
            let before = cpu_ticks(crowd.daemon.pid());
            // Not a wait: it is the time that is measured. A loop that spins uses 50 to 100 ticks in it.
            thread::sleep(Duration::from_millis(500));
            cpu_ticks(crowd.daemon.pid()) - before <= 2
        });
    }
}

#[test]
fn a_crowd_is_one_line_in_the_log() {
    for limit in LIMITS {
        let mut crowd = Crowd::gather(limit);
        crowd.be_served();
        let log = crowd.daemon.stop();
        let said = log.iter().filter(|line| line.contains(crowd.complaint)).count();
        assert_eq!(said, 1, "{}", log.join("\n"));
    }
}

#[test]
fn the_default_limit_leaves_descriptors_to_spare() {
    let crowd = Crowd::gather(LIMITS[0]);
    let open = open_descriptors(crowd.daemon.pid());
    assert!(open < DESCRIPTORS as usize, "{open} are open");
    let log = crowd.daemon.log().join("\n");
    assert!(!log.contains("can't accept"), "{log}");
}

/// What a start needs and then closes leaves gaps among the descriptors' numbers, which must not count as room.
#[test]
fn the_default_limit_leaves_descriptors_to_spare_in_the_background() {
    let sandbox = Sandbox::new();
    let more = (0..20).map(|n| {
        let name = format!("more-{n}");
        fast_toml("").rsplit_once("[services.").unwrap().1.replacen("fast", &name, 1)
    });
    let more: String = more.map(|table| format!("[services.{table}")).collect();
    sandbox.write("fast.toml", &(fast_toml("linger-timeout = 600") + &more));
    let output = run(with_few_descriptors(sandbox.poetryd(&["fast.toml"]), DESCRIPTORS));
    assert!(output.status.success(), "{}", stderr(&output));
    let _daemon = Background::of(&sandbox.path("poetryd.pid"));
    let address = address_in(&sandbox.read("poetryd.log"), "fast");
    let _clients: Vec<TcpStream> = (0..DESCRIPTORS).map(|_| connect(address)).collect();
    let log = || sandbox.read("poetryd.log");
    until("no room", || log().contains(LIMITS[0].1) || log().contains(LIMITS[1].1));
    assert!(!log().contains(LIMITS[1].1), "{}", log());
}

/// The CPU time that a process has used: fields 14 and 15 of /proc/PID/stat, in hundredths of a second.
fn cpu_ticks(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Field 2, the name, is in parentheses and may contain anything; field 3 comes after them.
    let after_name: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let field = |number: usize| after_name[number - 3].parse::<u64>().unwrap();
    field(14) + field(15)
}

/// Two services; the first has at most three connections at once.
fn limited_and_free() -> (Sandbox, Foreground, SocketAddr, SocketAddr) {
    let sandbox = Sandbox::new();
    let free = "[services.free]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\nprotocol = \"fast\"\npoem = \"ecstasy\"\n";
    let limited = fast_toml("max-connections = 3\nlinger-timeout = 600");
    sandbox.write("fast.toml", &format!("{limited}\n{free}"));
    let daemon = sandbox.foreground();
    let (limited, free) = (daemon.address("fast"), daemon.address("free"));
    (sandbox, daemon, limited, free)
}

fn sendings(daemon: &Foreground) -> usize {
    daemon.log().iter().filter(|line| line.contains("[fast] sending ")).count()
}

#[test]
fn max_connections_holds_further_clients_in_the_backlog() {
    let (_sandbox, daemon, limited, _) = limited_and_free();
    let before = open_descriptors(daemon.pid());
    let clients: Vec<TcpStream> = (0..10).map(|_| connect(limited)).collect();
    daemon.wait_for("the connection limit (3) is reached");
    for (number, mut client) in clients.into_iter().enumerate() {
        assert_eq!(receive(&mut client), (ECSTASY.to_vec(), None));
        // This client still holds its place, so that there are two more for those behind it.
        assert!(sendings(&daemon) <= number + 3, "{}", daemon.log().join("\n"));
        assert!(open_descriptors(daemon.pid()) <= before + 3);
    }
}

#[test]
fn max_connections_of_one_service_does_not_hold_up_another() {
    let (_sandbox, daemon, limited, free) = limited_and_free();
    let _clients: Vec<TcpStream> = (0..10).map(|_| connect(limited)).collect();
    daemon.wait_for("the connection limit (3) is reached");
    for _ in 0..10 {
        assert_eq!(receive(&mut connect(free)), (ECSTASY.to_vec(), None));
    }
}
