//! Networks of their own, for daemons whose ports are fixed.

use super::{command, is_root, through};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::Pid;
use std::fs::File;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// A network for the thread that calls this, and for the threads and processes that it starts from then on. Where
/// there can be none, it is the machine's, which the tests of a program use in turns.
#[must_use]
pub fn own_network() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    if is_root() && unshare(CloneFlags::CLONE_NEWNET).is_ok() {
        let up = command("ip").args(["link", "set", "lo", "up"]).status();
        assert!(up.is_ok_and(|status| status.success()), "ip link set lo up: is iproute2 there?");
        return None;
    }
    Some(TURN.lock().unwrap_or_else(PoisonError::into_inner))
}
