//! A container as config/Containerfile describes it: a root directory with what it copies and nothing else, and its
//! entry point as process 1.

use crate::containerfile::{Containerfile, Copied, REPOSITORY};
use crate::support::network::in_network_of;
use crate::support::{self, Foreground, command, fetch, run, through, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

const TARGET: &str = "x86_64-unknown-linux-musl";

/// The static program. It is built as `cargo test` builds the other programs, unless it is there already.
fn static_program(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let ours = Path::new(env!("CARGO_BIN_EXE_poetryd")); // in target/debug
    let target = ours.ancestors().nth(2).unwrap();
    BUILT.get_or_init(|| {
        let mut cargo = command(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["build", "--quiet", "--locked", "--bin", "poetryd", "--target", TARGET]);
        cargo.arg("--target-dir").arg(target).current_dir(REPOSITORY);
        let output = run(cargo);
        let said = support::stderr(&output);
        assert!(output.status.success(), "is the target there? rustup target add {TARGET}\n{said}");
    });
    target.join(TARGET).join("debug").join(name)
}

/// The root directory of a container before it runs, and how it is to be run.
pub struct Image {
    root: TempDir,
    pub file: Containerfile,
    /// What is typed behind the image's name.
    pub options: Vec<String>,
    /// The user and group that the container starts as.
    pub user: (u32, u32),
    pub environment: Vec<(String, String)>,
    /// Whether there is a /run where everybody can write. Nothing else can be written.
    pub has_run: bool,
}

impl Image {
    pub fn build() -> Self {
        assert!(support::is_root(), "only root can start a container");
        support::circumstances::settle();
        let (root, file) = (TempDir::new().unwrap(), Containerfile::read());
        fs::set_permissions(root.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let (options, environment) = (Vec::new(), Vec::new());
        let image = Self { root, user: file.user, file, options, environment, has_run: false };
        for (what, to) in &image.file.copied {
            let from = match what {
                Copied::Program(name) => static_program(name),
                Copied::File(file) => file.clone(),
            };
            let name = if to.ends_with('/') { what.name() } else { "" };
            image.copy(&from, &format!("{to}{name}"));
        }
        image
    }

    /// Copies a file into it.
    pub fn copy(&self, from: &Path, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        // Not with fs::copy: a test that forks meanwhile would inherit a program open for writing, which can't be
        // executed.
        let copied = command("cp").arg(from).arg(to).status();
        assert!(copied.unwrap().success());
    }

    /// A file of it, as it can be reached from here.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside.trim_start_matches('/'))
    }

    /// The application file that it runs.
    pub fn write_application(&self, text: &str) {
        fs::write(self.path(&self.file.workdir).join("poetryd.toml"), text).unwrap();
    }

    pub fn option(mut self, words: &[&str]) -> Self {
        self.options.extend(words.iter().map(|&word| word.to_owned()));
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The entry point as process 1 of namespaces of its own, where the root can't be written and nothing is mounted:
    /// neither /proc nor /dev. The outer processes end with whoever started them, and the inner ones with them.
    fn entry_point(&self) -> Command {
        let mut prepare = String::from("ip link set lo up; mount --bind \"$0\" \"$0\"; ");
        prepare += "mount -o remount,bind,ro \"$0\"; ";
        if self.has_run {
            fs::create_dir_all(self.path("run")).unwrap();
            prepare += "mount -t tmpfs -o mode=1777 none \"$0/run\"; ";
        }
        let script = format!("set -e; {prepare} exec unshare --pid --fork --root=\"$0\" \"$@\"");
        let (user, group) = self.user;
        let mut container = command(&self.file.entrypoint[0]);
        container.args(&self.file.entrypoint[1..]).args(&self.options).current_dir("/");
        container.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let place = [
            &format!("--wd={}", self.file.workdir),
            &format!("--setuid={user}"),
            &format!("--setgid={group}"),
        ];
        let root = self.root.path().to_str().unwrap();
        let outer =
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", &script];
        let outer = [&outer[..], &[root], &place.map(String::as_str)].concat();
        through(&outer, &container)
    }

    /// Runs it to its end.
    pub fn run(&self) -> Output {
        run(self.entry_point())
    }

    /// Starts it, and waits until it is ready.
    pub fn start(&self) -> Container<'_> {
        let outer = Foreground::start(self.entry_point()).ready();
        let init = only_child(only_child(outer.pid()));
        Container { image: self, outer, init }
    }
}

/// A container that runs. Ended when dropped.
pub struct Container<'a> {
    image: &'a Image,
    outer: Foreground,
    /// Its first process, as this machine numbers it.
    pub init: Pid,
}

impl Container<'_> {
    /// Does something in its network.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        in_network_of(self.init, work)
    }

    /// Fetches a poem from the port that is exposed.
    pub fn fetch(&self) -> Vec<u8> {
        self.within(|| fetch(self.address()).unwrap())
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.image.file.port).into()
    }

    pub fn log(&self) -> Vec<String> {
        self.outer.log()
    }

    pub fn wait_for(&self, text: &str) -> String {
        self.outer.wait_for(text)
    }

    /// Runs the program with these arguments in it, as `podman exec` does, as the user that config/Containerfile names.
    pub fn exec(&self, args: &[&str]) -> Output {
        let mut nsenter = command("nsenter");
        nsenter.arg(format!("--target={}", self.init));
        nsenter.args(["--mount", "--net", "--pid", "--root", "--wd"]);
        let (user, group) = self.image.file.user;
        nsenter.args([format!("--setuid={user}"), format!("--setgid={group}")]);
        nsenter.arg("--").arg(&self.image.file.entrypoint[0]).args(args);
        run(nsenter)
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.init, signal).unwrap();
    }

    /// Waits for the end, and returns the status and the whole log.
    pub fn wait(self) -> (ExitStatus, Vec<String>) {
        self.outer.wait()
    }
}

/// The only child that a process has.
fn only_child(pid: Pid) -> Pid {
    let mut found = Vec::new();
    until("a process's child", || {
        found = children(pid);
        !found.is_empty()
    });
    assert_eq!(found.len(), 1, "children of {pid}");
    found[0]
}

/// The children of a process, including those that have ended without being waited for.
pub fn children(pid: Pid) -> Vec<Pid> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}
