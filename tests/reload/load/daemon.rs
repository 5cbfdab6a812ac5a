//! The daemon that is reloaded. Its log has warnings and errors only.

use crate::support::manager::Manager;
use crate::support::{Foreground, Sandbox, open_descriptors, status_of, until};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// The tables that all applications begin with.
pub const TABLES: &str = "[daemon]\nstop-timeout = 60\n[log]\nlevel = \"warn\"\n";

/// If the number of descriptors is the same for so long, no connection is being closed: those whose clients take their
/// time are looked at four times a second.
const AT_REST: Duration = Duration::from_millis(600);

pub struct Daemon {
    pub sandbox: Sandbox,
    pub manager: Manager,
    pub process: Foreground,
}

impl Daemon {
    /// Starts a daemon whose application is `load.toml`.
    pub fn start(sandbox: Sandbox, application: &str) -> Self {
        sandbox.write("load.toml", application);
        let command = sandbox.poetryd(&["--nodaemon", "load.toml"]);
        let (manager, process) = Manager::start(&sandbox, command);
        Self { sandbox, manager, process }
    }

    /// Changes the application file, and reloads. Returns the counts of the verdict.
    pub fn reload_as(&self, application: &str) -> String {
        self.sandbox.write("load.toml", application);
        self.reload()
    }

    /// Reloads. Returns the counts of the verdict.
    pub fn reload(&self) -> String {
        let verdict = self.manager.reload(&self.process);
        let counts = verdict.strip_prefix("reloaded: ");
        counts.unwrap_or_else(|| panic!("{verdict}\n{}", self.process.log().join("\n"))).to_owned()
    }

    /// VmRSS in kB.
    pub fn resident(&self) -> u64 {
        let text = status_of(self.process.pid(), "VmRSS");
        text.trim_end_matches(" kB").parse().unwrap()
    }

    pub fn descriptors(&self) -> usize {
        open_descriptors(self.process.pid())
    }

    /// How many descriptors it has when that number no longer changes: connections are closed a moment after their
    /// clients have received all.
    pub fn settled_descriptors(&self) -> usize {
        let mut last = self.descriptors();
        until("the connections to be closed", || {
            sleep(AT_REST);
            let now = self.descriptors();
            now == std::mem::replace(&mut last, now)
        });
        last
    }

    /// Stops it. Nothing in its log may be worth a warning.
    pub fn stop(self) {
        let log = self.process.stop();
        assert!(log.is_empty(), "{}", log.join("\n"));
    }
}

/// An address of this machine, with this port and the 99 that follow, that no other test uses.
pub fn own_address() -> (Ipv4Addr, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    // Process ids have 22 bits at most. This is far from the addresses that tests usually choose.
    let address = Ipv4Addr::new(127, 128, 0, 0).to_bits() | std::process::id() & 0x3f_ffff;
    (address.into(), NEXT.fetch_add(100, Ordering::Relaxed))
}
