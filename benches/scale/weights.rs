//! The memory of connections: in the daemon, and in the kernel.

use crate::arena::figures::kilobytes;
use crate::arena::processes::{Daemon, until};
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// The pause between two measurements of memory. When both are the same, it has stopped changing.
const SETTLING: Duration = Duration::from_millis(500);

/// In bytes.
#[derive(Clone, Copy)]
pub struct Weights {
    /// Of the daemon.
    pub anonymous: u64,
    /// Buffers of all TCP sockets of this machine: `mem` in /proc/net/sockstat.
    pub buffers: u64,
    /// The kernel's small objects, sockets among them: /proc/meminfo.
    pub slab: u64,
}

impl Weights {
    fn of(daemon: &Daemon) -> Self {
        Self {
            anonymous: daemon.memory().anonymous * 1024,
            buffers: tcp_pages() * page_size(),
            slab: kilobytes("/proc/meminfo", "Slab") * 1024,
        }
    }

    /// Memory when the daemon's part no longer changes, and the kernel's part changes by no more than other
    /// programs on this machine may cause.
    pub fn settled(daemon: &Daemon) -> Self {
        let mut last = Self::of(daemon);
        until("memory that does not change", || {
            sleep(SETTLING);
            let now = Self::of(daemon);
            let before = std::mem::replace(&mut last, now);
            now.anonymous == before.anonymous
                && now.buffers.abs_diff(before.buffers) <= now.buffers / 100 + (1 << 20)
                && now.slab.abs_diff(before.slab) <= now.slab / 100 + (1 << 20)
        });
        last
    }
}

/// The number of bytes in buffers above which TCP saves memory, and the one above which it has none: the
/// second and the third number of tcp_mem in tcp(7).
pub fn tcp_limits() -> (u64, u64) {
    let text = fs::read_to_string("/proc/sys/net/ipv4/tcp_mem").unwrap();
    let pages: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    (pages[1] * page_size(), pages[2] * page_size())
}

/// How often TCP has begun to save memory since the machine was started: TCPMemoryPressures in
/// /proc/net/netstat, where a line of names is followed by a line of numbers.
pub fn tcp_pressures() -> u64 {
    let text = fs::read_to_string("/proc/net/netstat").unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, numbers) = (lines.next().unwrap(), lines.next().unwrap());
    let mut both = names.split(' ').zip(numbers.split(' '));
    let (_, number) = both.find(|(name, _)| *name == "TCPMemoryPressures").unwrap();
    number.parse().unwrap()
}

/// The number after `mem` in the line of TCP.
fn tcp_pages() -> u64 {
    let text = fs::read_to_string("/proc/net/sockstat").unwrap();
    let line = text.lines().find(|line| line.starts_with("TCP:")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn page_size() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).unwrap().unwrap();
    size as u64
}
