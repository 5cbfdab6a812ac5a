//! Networks of their own, for daemons whose ports are fixed.

use super::through;
use nix::sched::{CloneFlags, setns};
use nix::unistd::Pid;
use std::fs::File;
use std::process::Command;
use std::thread;

/// The command in a new network with a loopback interface alone; only root can do that.
pub fn in_own_network(command: &Command) -> Command {
    let script = "ip link set lo up && exec \"$0\" \"$@\"";
    through(&["unshare", "--net", "sh", "-c", script], command)
}

/// Does something in the network that a process lives in.
pub fn in_network_of<T: Send>(pid: Pid, work: impl FnOnce() -> T + Send) -> T {
    let network = File::open(format!("/proc/{pid}/ns/net")).unwrap();
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            setns(network, CloneFlags::CLONE_NEWNET).unwrap(); // for this thread alone
            work()
        });
        worker.join().unwrap()
    })
}
