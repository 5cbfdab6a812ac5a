//! What the end-to-end tests share: directories of their own, daemons in the foreground and in the
//! background, and clients. Every wait is for a condition and has a deadline.

#![allow(dead_code)] // each test program uses its own part

pub mod circumstances;
pub mod manager;
pub mod network;
pub mod python;
pub mod terminal;

pub use circumstances::command;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Bounds a hang; nothing is expected to take this long, even on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// The user that a permission test runs a daemon as when the tests run as root.
pub const NOBODY: u32 = 65534;

/// The poem of most tests, as it is in the repository.
pub const ECSTASY: &[u8] = include_bytes!("../../poetry/ecstasy.txt");

/// Waits until `condition` holds.
///
/// # Panics
/// If it does not within [`LIMIT`].
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A directory of its own, with a poem in `poetry/ecstasy.txt` and an application in `fast.toml` that
/// serves it as `fast` on a free port of 127.0.0.1. Other users may enter and read it.
pub struct Sandbox {
    directory: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        circumstances::settle();
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let sandbox = Self { directory };
        fs::create_dir(sandbox.path("poetry")).unwrap();
        fs::write(sandbox.path("poetry/ecstasy.txt"), ECSTASY).unwrap();
        sandbox.write("fast.toml", &fast_toml(""));
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        String::from_utf8(bytes).unwrap()
    }

    /// A poem of `size` bytes, none of whose places look alike.
    pub fn write_poem(&self, name: &str, size: usize) -> Vec<u8> {
        let poem: Vec<u8> =
            (0..size / 8 + 1).flat_map(|n| format!("{n:07}\n").into_bytes()).take(size).collect();
        fs::write(self.path(name), &poem).unwrap();
        poem
    }

    /// The names of all files in the directory itself, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program, to be run in this directory.
    pub fn poetryd(&self, args: &[&str]) -> Command {
        self.program(Path::new(env!("CARGO_BIN_EXE_poetryd")), args)
    }

    /// The program, to be run as nobody where the tests run as root: from a copy in this directory, since
    /// nobody may not be allowed to reach the original.
    pub fn poetryd_unprivileged(&self, args: &[&str]) -> Command {
        let copy = self.path("poetryd-copy");
        if !copy.exists() {
            // Not with fs::copy: a test that forks meanwhile would inherit the file open for writing, and
            // a file that is open for writing can't be executed.
            let copied = command("cp").arg(env!("CARGO_BIN_EXE_poetryd")).arg(&copy).status();
            assert!(copied.unwrap().success());
        }
        let mut command = self.program(&copy, args);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Gives this directory to the user that [`poetryd_unprivileged`](Self::poetryd_unprivileged) runs as.
    pub fn give_to_unprivileged(&self) {
        if is_root() {
            std::os::unix::fs::chown(self.directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    fn program(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = command(program);
        command.args(args).current_dir(self.directory.path());
        // There are no manifests of plugins in this one.
        command.env("HOME", self.directory.path());
        command
    }

    /// Starts `fast.toml` in the foreground and waits until it is ready.
    pub fn foreground(&self) -> Foreground {
        Foreground::start(self.poetryd(&["--nodaemon", "fast.toml"])).ready()
    }

    /// Runs the program to its end. What it leaves running in the background is not waited for.
    pub fn run(&self, args: &[&str]) -> Output {
        run(self.poetryd(args))
    }

    /// Runs the program, which is to become a daemon with `poetryd.pid` in this directory.
    pub fn background(&self, args: &[&str]) -> Background {
        let output = self.run(args);
        assert!(output.status.success(), "{}: {}", output.status, stderr(&output));
        Background::of(&self.path("poetryd.pid"))
    }
}

/// The application of most tests; `more` is added to the listener's table.
pub fn fast_toml(more: &str) -> String {
    format!(
        "name = \"fastpoetry\"\n\n\
         [services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n\n\
         [services.fast]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\nprotocol = \"fast\"\npoem = \"ecstasy\"\n{more}\n"
    )
}

/// Runs a command to its end, or panics after [`LIMIT`]. Its output is read from files, so that
/// a daemon which wrongly keeps them open holds nobody up.
pub fn run(mut command: Command) -> Output {
    let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    drop(command); // and with it the duplicates
    let status = wait(&mut child);
    let content = |mut file: fs::File| {
        let mut bytes = Vec::new();
        io::Seek::rewind(&mut file).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    };
    Output { status, stdout: content(out), stderr: content(err) }
}

/// The same command, started by another program which becomes it: `unshare -n`, `setpriv`, `sh -c` with
/// `exec "$0" "$@"`. Not for a command that is to run as another user.
pub fn through(outer: &[&str], command: &Command) -> Command {
    let mut whole = self::command(outer[0]);
    whole.args(&outer[1..]).arg(command.get_program()).args(command.get_args());
    whole.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => whole.env(name, value),
            None => whole.env_remove(name),
        };
    }
    whole
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() >= deadline {
            let _ = child.kill();
            panic!("process {} did not end", child.id());
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A daemon in the foreground, with its log. Killed when dropped.
pub struct Foreground {
    child: Child,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Foreground {
    /// Starts a command and collects what it prints to standard output.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let log: Arc<(Mutex<Vec<String>>, Condvar)> = Arc::default();
        let collected = log.clone();
        let reader = thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                collected.0.lock().unwrap().push(line);
                collected.1.notify_all();
            }
        });
        Self { child, log, reader: Some(reader) }
    }

    /// Waits until it serves.
    pub fn ready(self) -> Self {
        self.wait_for("] ready");
        self
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Waits for a log line with `text` in it, and returns it.
    pub fn wait_for(&self, text: &str) -> String {
        let found = |log: &Vec<String>| log.iter().find(|line| line.contains(text)).cloned();
        let log = self.log.0.lock().unwrap();
        let (log, _) =
            self.log.1.wait_timeout_while(log, LIMIT, |log| found(log).is_none()).unwrap();
        found(&log).unwrap_or_else(|| panic!("no line with {text:?} in\n{}", log.join("\n")))
    }

    /// The log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().unwrap().clone()
    }

    /// The address that a service listens on, from the log.
    pub fn address(&self, service: &str) -> SocketAddr {
        let line = self.wait_for(&format!("[{service}] listening on "));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for the end, and returns the status and the whole log.
    pub fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let status = wait(&mut self.child);
        self.reader.take().unwrap().join().unwrap();
        (status, self.log())
    }

    /// Stops it with SIGTERM; it must end well.
    pub fn stop(self) -> Vec<String> {
        self.signal(Signal::SIGTERM);
        let (status, log) = self.wait();
        assert!(status.success(), "{status}\n{}", log.join("\n"));
        log
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A daemon in the background. Killed when dropped.
pub struct Background {
    pub pid: Pid,
}

impl Background {
    /// The daemon that wrote this pid file.
    pub fn of(pid_file: &Path) -> Self {
        let text = fs::read_to_string(pid_file).unwrap();
        let number = text.strip_suffix('\n').unwrap_or_else(|| panic!("no newline in {text:?}"));
        Self { pid: Pid::from_raw(number.parse().unwrap()) }
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    pub fn is_running(&self) -> bool {
        is_running(self.pid)
    }

    /// Waits until the process has ended.
    pub fn wait(&self) {
        until("the daemon's end", || !self.is_running());
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }
}

/// Whether a process lives; one that has ended but was not waited for does not. As long as one of its threads lives,
/// its files are open, and its locks held.
pub fn is_running(pid: Pid) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.flatten().any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat"));
        let state =
            |stat: &str| stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
        stat.is_ok_and(|stat| !matches!(state(&stat), Some('Z' | 'X')))
    })
}

/// The address that a service listens on, from the lines of a log file.
pub fn address_in(log: &str, service: &str) -> SocketAddr {
    let mark = format!("[{service}] listening on ");
    let line = log
        .lines()
        .find(|line| line.contains(&mark))
        .unwrap_or_else(|| panic!("no {mark:?} in\n{log}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Connects, reads to the end, and returns what came. A reset is an error.
pub fn fetch(address: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut poem = Vec::new();
    stream.read_to_end(&mut poem)?;
    Ok(poem)
}

/// Connects. No read waits longer than [`LIMIT`].
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Reads to the end, and returns what came; and the error, where it ended in one instead of a FIN.
pub fn receive(stream: &mut TcpStream) -> (Vec<u8>, Option<io::ErrorKind>) {
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).err();
    (bytes, error.map(|e| e.kind()))
}

/// What /proc/PID/status says under this name.
pub fn status_of(pid: Pid, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mut values = status.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(":"));
    values.next().unwrap().trim().to_owned()
}

/// How many descriptors a process has open.
pub fn open_descriptors(pid: Pid) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
