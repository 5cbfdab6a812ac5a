//! The daemons that were started here: their memory, and how they end.

use super::figures::kilobytes;
use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Bounds every wait. Nothing should take this long.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A daemon that has used no processor time for this long is idle.
const AT_REST: Duration = Duration::from_millis(20);

/// Waits until `condition` holds.
///
/// # Panics
/// If it does not become true within [`LIMIT`].
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_micros(50));
    }
}

/// Makes this process the parent of the daemons that it starts, so that it can find and end them all,
/// whatever goes wrong. That happens when this is dropped.
pub struct Children(());

impl Children {
    pub fn adopt() -> Self {
        set_child_subreaper(true).expect("prctl(PR_SET_CHILD_SUBREAPER)");
        Self(())
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        let deadline = Instant::now() + LIMIT;
        // When a master is killed, this process becomes the parent of its workers, hence the loop.
        while Instant::now() < deadline
            && waitpid(None, Some(WaitPidFlag::WNOHANG)) != Err(Errno::ECHILD)
        {
            for pid in &descendants(Pid::this())[1..] {
                let _ = kill(*pid, Signal::SIGKILL);
            }
            sleep(Duration::from_millis(1));
        }
    }
}

/// A daemon in the background.
pub struct Daemon {
    pub name: &'static str,
    pub pid: Pid,
    pub pid_file: PathBuf,
    pub address: SocketAddr,
    /// When it was started.
    pub launched: Instant,
}

/// In kB, of all processes together.
pub struct Memory {
    pub processes: usize,
    pub resident: u64,
    pub proportional: u64,
    pub anonymous: u64,
}

impl Daemon {
    /// How long after its start a client had received the whole `poem`.
    pub fn until_it_serves(&self, poem: &[u8]) -> Duration {
        until(self.name, || fetch(self.address).is_ok_and(|received| received == poem));
        self.launched.elapsed()
    }

    /// Stops it with SIGTERM, and returns how long it took until the pid file was gone.
    pub fn stop(self) -> Duration {
        let start = Instant::now();
        kill(self.pid, Signal::SIGTERM).unwrap();
        until("the end of a pid file", || !self.pid_file.exists());
        let time = start.elapsed();
        let flags = Some(WaitPidFlag::WNOHANG);
        until("the end of a daemon", || waitpid(self.pid, flags) != Ok(WaitStatus::StillAlive));
        time
    }

    /// The processor time of its threads and its children's, in user and in kernel mode together.
    pub fn cpu_time(&self) -> Duration {
        descendants(self.pid).iter().map(|pid| run_time(*pid)).sum()
    }

    /// The same, when it no longer changes: connections have been closed, and log lines have been written.
    pub fn settled_cpu_time(&self) -> Duration {
        let mut last = self.cpu_time();
        until("a daemon at rest", || {
            sleep(AT_REST);
            let now = self.cpu_time();
            now == std::mem::replace(&mut last, now)
        });
        last
    }

    pub fn memory(&self) -> Memory {
        let processes = descendants(self.pid);
        let sum = |file: &str, name: &str| {
            processes.iter().map(|pid| kilobytes(&format!("/proc/{pid}/{file}"), name)).sum()
        };
        Memory {
            processes: processes.len(),
            resident: sum("status", "VmRSS"),
            proportional: sum("smaps_rollup", "Pss"),
            anonymous: sum("smaps_rollup", "Anonymous"),
        }
    }
}

/// Connects, reads to the end, and returns what was received. A reset is an error.
pub fn fetch(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut poem = Vec::new();
    stream.read_to_end(&mut poem)?;
    Ok(poem)
}

/// For all threads that a process has now: see sched-stats in the kernel's documentation.
fn run_time(pid: Pid) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanoseconds = threads.map(|thread| -> u64 {
        let text = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// A process, its children and their children, older ones first, without those that have ended.
pub fn descendants(root: Pid) -> Vec<Pid> {
    let entries = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let parents: Vec<(Pid, Pid)> = entries.filter_map(|pid| parent(pid.parse().ok()?)).collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&elder) = found.get(next) {
        found.extend(parents.iter().filter(|(_, parent)| *parent == elder).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// A running process and its parent: see /proc/PID/stat in proc(5).
fn parent(pid: i32) -> Option<(Pid, Pid)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    let (state, parent) = (fields.next()?, fields.next()?);
    (!["Z", "X"].contains(&state))
        .then_some((Pid::from_raw(pid), Pid::from_raw(parent.parse().ok()?)))
}
