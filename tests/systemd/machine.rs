//! A machine to test on: a real systemd with the program and its units installed.

use crate::support::{self, command, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the program is in the repository.
const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// A systemd in a container, with a loopback network of its own. Ended when dropped.
pub struct Machine {
    script: Child,
    /// Process 1 of the container, as this machine numbers it.
    init: Pid,
}

/// A line of the journal.
#[derive(Debug)]
pub struct Entry {
    pub message: String,
    /// As syslog(3) numbers them: 3 error, 4 warning, 6 info.
    pub priority: String,
}

impl Machine {
    /// Boots, and installs what the README says: the program, the units, an application file that serves
    /// a poem at port 10000.
    pub fn boot() -> Self {
        assert!(support::is_root(), "only root can boot a container");
        let machine = Self::boot_bare();
        machine.install(Path::new(env!("CARGO_BIN_EXE_poetryd")), "/usr/bin/poetryd", 0o755);
        for unit in ["poetryd.service", "poetryd@.service"] {
            let from = Path::new(REPOSITORY).join("systemd").join(unit);
            machine.install(&from, &format!("/etc/systemd/system/{unit}"), 0o644);
        }
        machine.write("/etc/poetryd/poetry/ecstasy.txt", support::ECSTASY);
        machine.write("/etc/poetryd/poetryd.toml", application("127.0.0.1", 10000).as_bytes());
        machine.systemctl(&["daemon-reload"]);
        machine
    }

    /// Boots, with nothing installed.
    pub fn boot_bare() -> Self {
        static BOOTED: AtomicUsize = AtomicUsize::new(0);
        let number = BOOTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("poetryd-test-{}-{number}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let notify = UnixDatagram::bind_addr(&address).unwrap();
        notify.set_nonblocking(true).unwrap();
        let mut console = tempfile::tempfile().unwrap();
        // Whatever happens to this test, the container does not outlive it.
        let mut script = command("setpriv")
            .args(["--pdeathsig", "KILL", "bash"])
            .arg(Path::new(REPOSITORY).join("tests/systemd/machine.sh"))
            .arg(&name)
            .env("NOTIFY_SOCKET", format!("@{name}"))
            .stdout(console.try_clone().unwrap())
            .stderr(console.try_clone().unwrap())
            .spawn()
            .unwrap();
        let (mut init, mut ready) = (None, false);
        until("the container's boot", || {
            let mut message = [0; 4096];
            while let Ok(length) = notify.recv(&mut message) {
                let message = String::from_utf8_lossy(&message[..length]);
                let leader = message.lines().find_map(|l| l.strip_prefix("X_NSPAWN_LEADER_PID="));
                init = leader.map(|pid| Pid::from_raw(pid.parse().unwrap())).or(init);
                ready |= message.lines().any(|line| line == "READY=1");
            }
            if let Some(status) = script.try_wait().unwrap() {
                panic!("the container did not boot: {status}\n{}", text_of(&mut console));
            }
            ready
        });
        let init = init.expect("the container's first process was not named");
        Self { script, init }
    }

    /// The machine's first process, as this machine numbers it.
    pub fn init(&self) -> Pid {
        self.init
    }

    /// A file of the machine, as it can be reached from here.
    pub fn path(&self, inside: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.init)).join(inside.trim_start_matches('/'))
    }

    /// Writes a file that everybody may read.
    pub fn write(&self, inside: &str, content: &[u8]) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    pub fn install(&self, from: &Path, inside: &str, mode: u32) {
        fs::copy(from, self.path(inside)).unwrap();
        fs::set_permissions(self.path(inside), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Adds to a unit what `systemctl edit` would.
    pub fn edit(&self, unit: &str, settings: &str) {
        let file = format!("/etc/systemd/system/{unit}.d/override.conf");
        self.write(&file, format!("[Service]\n{settings}\n").as_bytes());
        self.systemctl(&["daemon-reload"]);
    }

    /// Runs a command on the machine.
    pub fn run(&self, command: &[&str]) -> Output {
        support::run(nsenter(self.init, command))
    }

    /// Runs systemctl, which must succeed, and returns what it printed.
    pub fn systemctl(&self, args: &[&str]) -> String {
        let output = self.try_systemctl(args);
        let said = support::stderr(&output);
        assert!(output.status.success(), "systemctl {args:?}: {said}\n{}", self.whole_journal());
        support::stdout(&output)
    }

    pub fn try_systemctl(&self, args: &[&str]) -> Output {
        self.run(&[&["systemctl", "--no-pager"], args].concat())
    }

    /// What systemd knows of a unit.
    pub fn property(&self, unit: &str, property: &str) -> String {
        self.systemctl(&["show", "--value", "--property", property, unit]).trim_end().to_owned()
    }

    /// A unit's main process, as the machine numbers it. "0": there is none.
    pub fn main_pid(&self, unit: &str) -> String {
        self.property(unit, "MainPID")
    }

    /// What /proc/PID/status says of a process of the machine.
    pub fn status_of(&self, pid: &str) -> String {
        let status = fs::read_to_string(self.path("/proc").join(pid).join("status"));
        status.unwrap_or_else(|e| panic!("process {pid}: {e}"))
    }

    /// Fetches a poem on the machine.
    pub fn fetch(&self, port: u16) -> Vec<u8> {
        let output = self.try_fetch(port);
        let said = support::stderr(&output);
        assert!(output.status.success(), "port {port}: {said}\n{}", self.whole_journal());
        output.stdout
    }

    pub fn try_fetch(&self, port: u16) -> Output {
        self.run(&["bash", "-c", &format!("cat < /dev/tcp/127.0.0.1/{port}")])
    }

    /// What the unit's processes have logged so far; what systemd says of the unit is not in it.
    pub fn journal(&self, unit: &str) -> Vec<Entry> {
        let entry = |fields: serde_json::Value| {
            let field = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
            Entry { message: field("MESSAGE"), priority: field("PRIORITY") }
        };
        self.entries(&format!("_SYSTEMD_UNIT={unit}")).into_iter().map(entry).collect()
    }

    /// The entries of the journal that have this field, with all their fields.
    pub fn entries(&self, field: &str) -> Vec<serde_json::Value> {
        self.run(&["journalctl", "--sync"]);
        let output = self.run(&["journalctl", "--quiet", "--all", "--output=json", field]);
        let lines = support::stdout(&output);
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits for a line with `text` in it, and returns it.
    pub fn wait_for(&self, unit: &str, text: &str) -> Entry {
        let mut found = None;
        until(&format!("{text:?} in the journal of {unit}"), || {
            found = self.journal(unit).into_iter().find(|entry| entry.message.contains(text));
            found.is_some()
        });
        found.unwrap()
    }

    fn whole_journal(&self) -> String {
        support::stdout(&self.run(&["journalctl", "--no-pager", "--lines=50"]))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The other processes of a container end with its first. The script cleans up then.
        let _ = kill(self.init, Signal::SIGKILL);
        let _ = self.script.wait();
    }
}

/// A command that is run on the machine with this first process.
pub fn nsenter(init: Pid, command: &[&str]) -> Command {
    let mut nsenter = support::command("nsenter");
    nsenter.arg(format!("--target={init}")).args(["--all", "--"]).args(command);
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    nsenter.env_clear().env("PATH", path).env("LANG", "C.UTF-8");
    nsenter
}

/// An application that serves the poem as `fast`.
pub fn application(interface: &str, port: u16) -> String {
    format!(
        "[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n\n\
         [services.fast]\nkind = \"tcp\"\ninterface = \"{interface}\"\nport = {port}\n\
         protocol = \"fast\"\npoem = \"ecstasy\"\n"
    )
}

fn text_of(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}
