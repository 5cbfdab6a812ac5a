//! One core for the servers, another one for the clients, so that neither uses the other's time.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The cores that this process was allowed to use when it started.
pub struct Cores {
    all: CpuSet,
    numbers: Vec<usize>,
}

impl Cores {
    pub fn find() -> Self {
        let all = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let numbers = (0..CpuSet::count()).filter(|n| all.is_set(*n).unwrap()).collect();
        Self { all, numbers }
    }

    pub fn describe(&self) -> String {
        match self.numbers[..] {
            [servers, clients, ..] => {
                format!("servers on core {servers}, clients on core {clients}")
            }
            _ => "only one core: servers and clients share it".into(),
        }
    }

    pub fn are_several(&self) -> bool {
        self.numbers.len() > 1
    }

    /// From now on this process runs on the servers' core, which the servers inherit when they are started.
    pub fn take_servers(&self) {
        self.take(0);
    }

    pub fn take_clients(&self) {
        self.take(1);
    }

    pub fn take_all(&self) {
        sched_setaffinity(Pid::from_raw(0), &self.all).unwrap();
    }

    fn take(&self, which: usize) {
        if !self.are_several() {
            return;
        }
        let mut one = CpuSet::new();
        one.set(self.numbers[which]).unwrap();
        sched_setaffinity(Pid::from_raw(0), &one).unwrap();
    }
}
