//! Where a page is typed: in what looks like the top level of a clone, on a machine of which only the network, or
//! nothing, is its own.

#![allow(dead_code)] // each test program uses its own part

use crate::pages::REPOSITORY;
use crate::session::Place;
use crate::support::{command, is_root};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// What a reader has in the top level of a clone, as far as pages use it.
const OF_A_CLONE: [&str; 4] = ["config", "examples", "poetry", "systemd"];

/// What `unshare` is told to give a page: a network with nothing but loopback, a view of the file system, and
/// processes of its own, which end with the shell.
const NAMESPACES: [&str; 6] =
    ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// How this machine lets a page have namespaces of its own. `None`: not at all.
static UNSHARE: LazyLock<Option<Vec<&str>>> = LazyLock::new(|| {
    let by_a_user = ["unshare", "--user", "--map-root-user"];
    let ways: &[&[&str]] = if is_root() { &[&["unshare"], &by_a_user] } else { &[&by_a_user] };
    let works = |way: &Vec<&str>| {
        let mut trial = command(way[0]);
        trial.args(&way[1..]).args(["sh", "-c", "ip link set lo up && mount -t tmpfs none /srv"]);
        trial.output().is_ok_and(|output| output.status.success())
    };
    ways.iter().map(|way| [way, &NAMESPACES[..]].concat()).find(works)
});

/// A directory for one page, and what surrounds it.
pub struct CloneDirectory {
    top: TempDir,
    /// Beside the page's directory.
    beside: TempDir,
    /// Where there are more programs.
    more_programs: Option<PathBuf>,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl CloneDirectory {
    pub fn new() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let (top, beside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        for directory in [&top, &beside] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        // The ports in the pages are fixed: without networks of their own the pages take turns.
        let turn = UNSHARE.is_none().then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
        let place = Self { top, beside, more_programs: None, _turn: turn };
        for folder in OF_A_CLONE {
            let mut copy = command("cp");
            copy.arg("-r").arg(Path::new(REPOSITORY).join(folder)).arg(place.top.path());
            assert!(copy.status().unwrap().success());
        }
        place.install_programs();
        fs::write(place.beside.path().join("hosts"), "127.0.0.1 localhost\n::1 localhost\n")
            .unwrap();
        place
    }

    /// The same, where the programs of a directory can be run by their names.
    pub fn with_programs_of(mut self, directory: &Path) -> Self {
        self.more_programs = Some(directory.into());
        self
    }

    /// Programs as they are after an installation; and a cargo that has compiled already.
    fn install_programs(&self) {
        let programs = self.beside.path().join("bin");
        fs::create_dir(&programs).unwrap();
        let built = [env!("CARGO_BIN_EXE_poetryd"), env!("CARGO_BIN_EXE_get-poetry")];
        for program in built {
            let name = Path::new(program).file_name().unwrap();
            std::os::unix::fs::symlink(program, programs.join(name)).unwrap();
        }
        let test = std::env::current_exe().unwrap();
        let examples = test.parent().unwrap().with_file_name("examples");
        let cargo = include_str!("cargo.sh").replace("EXAMPLES", examples.to_str().unwrap());
        // Not with fs::write: a test that forks meanwhile would inherit the file open for writing, and a file that
        // is open for writing can't be executed. Bash reads it instead.
        fs::write(programs.join("cargo.sh"), cargo).unwrap();
        let functions = format!("cargo() {{ bash '{}/cargo.sh' \"$@\"; }}\n", programs.display());
        fs::write(programs.join("functions"), functions).unwrap();
    }

    fn bash_once(&self, line: &str) -> std::process::Output {
        command("bash").args(["-c", line]).env("PATH", self.search_path()).output().unwrap()
    }

    fn search_path(&self) -> String {
        let system =
            ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        let own = self.beside.path().join("bin");
        let own = [Some(own), self.more_programs.clone()].into_iter().flatten();
        let directories = own.chain(system.map(PathBuf::from));
        std::env::join_paths(directories).unwrap().into_string().unwrap()
    }

    /// The pid files in the page's directory: of daemons that have not been stopped.
    fn pid_files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.top.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".pid")).collect()
    }
}

impl Place for CloneDirectory {
    fn bash(&self) -> Command {
        let words = UNSHARE.clone().unwrap_or_default();
        let words = [&words[..], &["bash", "--norc"]].concat();
        let mut bash = command(words[0]);
        bash.args(&words[1..]).current_dir(self.top.path()).env_clear();
        bash.env("PATH", self.search_path());
        bash.env("HOME", self.top.path()).env("LANG", "C.UTF-8").env("TZ", "UTC");
        bash
    }

    fn preparation(&self) -> String {
        let beside = self.beside.path().display();
        let functions = format!(". '{beside}/bin/functions'");
        match *UNSHARE {
            None => functions,
            Some(_) => format!(
                "{functions} && ip link set lo up && mount --bind '{beside}/hosts' /etc/hosts && mount -t tmpfs none /srv"
            ),
        }
    }

    fn as_shown(&self, line: &str) -> Option<String> {
        let line = line.replace(self.top.path().to_str().unwrap(), "/home/you/poetryd");
        if UNSHARE.is_some() {
            return Some(line);
        }
        // localhost may have no second address here, and its own not be usable.
        let without = line.replace("[::1]:10000 and ", "").replace("[::1]:10001 and ", "");
        let without = without.replace("[::1]:10002 and ", "");
        (!without.contains("g on [::1]:") && !without.contains("closing [::1]:"))
            .then(|| without.replace("[::1]", "127.0.0.1"))
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.top.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn outputs(&self) -> PathBuf {
        self.beside.path().into()
    }

    fn has(&self, program: &str) -> bool {
        let found = self.bash_once(&format!("type -P {program}"));
        found.status.success()
    }

    fn left_running(&self) -> Vec<String> {
        self.pid_files()
    }
}

impl Drop for CloneDirectory {
    /// Where the page has no processes of its own, its daemons would outlive a failed test.
    fn drop(&mut self) {
        for file in self.pid_files() {
            if UNSHARE.is_none() {
                let file = self.top.path().join(file);
                self.bash_once(&format!("kill -9 $(cat '{}')", file.display()));
            }
        }
    }
}
