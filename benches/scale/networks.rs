//! The networks in which large poems are served: the machine's, and one with the defaults of Linux.

use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::geteuid;
use std::fs::{self, File};
use std::process::Command;

/// The sizes of buffers (least, first, most) of a Linux that nobody has configured.
const BUFFERS: [(&str, &str); 2] = [
    ("/proc/sys/net/ipv4/tcp_rmem", "4096 131072 6291456"),
    ("/proc/sys/net/ipv4/tcp_wmem", "4096 16384 4194304"),
];

/// Makes a loopback interface whose connections use cubic. (A network may set that only for a route, unless it is the
/// machine's default.)
const COMMANDS: [&str; 2] = [
    "link set lo up",
    "route replace local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1 congctl cubic",
];

/// A network that this thread can enter, and with it the processes that it starts.
pub struct Network {
    pub name: String,
    namespace: File,
}

impl Network {
    /// The machine's network, and, if this process may make one, a network of its own with Linux's defaults. If
    /// not, a line says so.
    pub fn find() -> Vec<Self> {
        let machine = Self::current(&congestion_control());
        let mut networks = vec![machine];
        if !geteuid().is_root() {
            println!("a network with Linux's defaults: left out: only root can make it");
        } else if let Err(e) = unshare(CloneFlags::CLONE_NEWNET) {
            println!("a network with Linux's defaults: left out: unshare: {e}");
        } else {
            match set_up() {
                Ok(()) => networks.push(Self::current("cubic, defaults")),
                Err(e) => println!("a network with Linux's defaults: left out: {e}"),
            }
            networks[0].enter();
        }
        networks
    }

    /// The one that this thread is in.
    fn current(name: &str) -> Self {
        let namespace = File::open("/proc/thread-self/ns/net").unwrap();
        Self { name: name.to_owned(), namespace }
    }

    pub fn enter(&self) {
        // Without root there is only one network, which this thread is in.
        if geteuid().is_root() {
            setns(&self.namespace, CloneFlags::CLONE_NEWNET).unwrap();
        }
    }
}

fn congestion_control() -> String {
    let file = "/proc/sys/net/ipv4/tcp_congestion_control";
    fs::read_to_string(file).unwrap_or_default().trim().to_owned()
}

#[allow(clippy::disallowed_methods, reason = "a benchmark runs as the shell that it is run from")]
fn set_up() -> Result<(), String> {
    for arguments in COMMANDS {
        let done = Command::new("ip").args(arguments.split(' ')).status();
        if !done.map_err(|e| format!("ip: {e}"))?.success() {
            return Err(format!("ip {arguments} has failed"));
        }
    }
    for (file, value) in BUFFERS {
        fs::write(file, value).map_err(|e| format!("{file}: {e}"))?;
    }
    Ok(())
}
