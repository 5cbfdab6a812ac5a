//! A launching process that is not waited for at once, and the search for what a start has left behind.

use crate::support::{Sandbox, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A process that was started in a sandbox, with all that it may start in turn. All are killed when this
/// is dropped.
pub struct Launch<'a> {
    child: Child,
    stderr: File,
    sandbox: &'a Sandbox,
}

impl<'a> Launch<'a> {
    pub fn start(sandbox: &'a Sandbox, mut command: Command) -> Self {
        let stderr = tempfile::tempfile().unwrap();
        command.stdout(Stdio::null()).stderr(stderr.try_clone().unwrap());
        Self { child: command.spawn().unwrap(), stderr, sandbox }
    }

    /// The same for a command whose standard streams are those of a terminal: what it says is seen there.
    pub fn start_on_terminal(sandbox: &'a Sandbox, mut command: Command) -> Self {
        let stderr = tempfile::tempfile().unwrap();
        Self { child: command.spawn().unwrap(), stderr, sandbox }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Whether the process itself has this file open.
    pub fn has_open(&self, path: &Path) -> bool {
        let open = fs::read_dir(format!("/proc/{}/fd", self.child.id())).into_iter().flatten();
        open.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|file| file == path))
    }

    /// Waits for the end of the process itself, and returns its status and what it said to standard error.
    pub fn wait(&mut self) -> (ExitStatus, String) {
        until("the end of the launching process", || self.has_ended());
        let mut said = String::new();
        self.stderr.rewind().unwrap();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap(), said)
    }
}

impl Drop for Launch<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for pid in processes_in(&self.sandbox.path("")) {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

/// The processes whose current directory is this one, or below.
pub fn processes_in(directory: &Path) -> Vec<Pid> {
    let directory = directory.canonicalize().unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let lives_here = |pid: &i32| {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&directory))
    };
    pids.filter(lives_here).map(Pid::from_raw).collect()
}

/// A start that has ended leaves no pid file; and no process, so no socket either.
pub fn assert_nothing_left(sandbox: &Sandbox) {
    assert!(!sandbox.path("poetryd.pid").exists(), "there still is a pid file");
    // The launching process learns of the daemon's end a moment before the kernel has cleared it away.
    until("the end of every process", || processes_in(&sandbox.path("")).is_empty());
}
