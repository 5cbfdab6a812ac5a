//! The programs that are compared: how each is found, configured and started.

#![allow(clippy::disallowed_methods, reason = "a benchmark runs as the shell that it is run from")]

use super::processes::{Daemon, LIMIT, Memory, until};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The poem that each of them serves.
pub const POEM: &[u8] = include_bytes!("../../poetry/ecstasy.txt");

/// The path of the module on Debian. Other builds of nginx have it compiled in, or do not have it.
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// A program, in a directory of its own, with a configuration that serves one poem on one port of 127.0.0.1.
pub struct Contender {
    pub name: &'static str,
    directory: TempDir,
    command: Vec<OsString>,
    pid_file: &'static str,
    address: SocketAddr,
}

impl Contender {
    pub fn new(name: &'static str, pid_file: &'static str, port: u16) -> Self {
        let directory = TempDir::new().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { name, directory, command: Vec::new(), pid_file, address }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn runs(mut self, command: &[&str]) -> Self {
        self.command = command.iter().map(OsString::from).collect();
        self
    }

    /// For a program that does not go into the background on its own. It has to write a pid file.
    pub fn runs_in_the_background(self, command: &[&str]) -> Self {
        self.runs(&[&["sh", "-c", "\"$0\" \"$@\" &"], command].concat())
    }

    pub fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Starts it, and returns how long it took until the prompt came back.
    pub fn launch(&self) -> (Daemon, Duration) {
        let mut command = self.program(&self.command);
        let launched = Instant::now();
        let mut launcher = command.spawn().unwrap();
        let mut status = None;
        until(self.name, || {
            status = launcher.try_wait().unwrap();
            status.is_some()
        });
        let prompt = launched.elapsed();
        assert!(status.unwrap().success(), "{}: {}", self.name, self.complaint());
        let mut pid = None;
        // nginx and twistd write their pid files after the prompt has come back, twistd without a newline.
        // Both may be read between being created and being written.
        until("a pid in a pid file", || {
            pid = fs::read_to_string(self.path(self.pid_file))
                .ok()
                .and_then(|pid| pid.trim().parse().ok());
            pid.is_some()
        });
        let (pid, pid_file) = (Pid::from_raw(pid.unwrap()), self.path(self.pid_file));
        (Daemon { name: self.name, pid, pid_file, address: self.address, launched }, prompt)
    }

    /// The memory that it uses when idle.
    pub fn weigh(&self) -> Memory {
        let (daemon, _) = self.launch();
        daemon.until_it_serves(POEM);
        let memory = daemon.memory();
        daemon.stop();
        memory
    }

    fn program(&self, words: &[OsString]) -> Command {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.directory.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.path("stderr")).unwrap());
        for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC"]
        {
            command.env_remove(name);
        }
        command
    }

    /// Whether the program can be run with these arguments.
    pub fn answers_to(&self, words: &[&str]) -> bool {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let Ok(mut child) = self.program(&words).spawn() else { return false };
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    /// The last line on standard error.
    pub fn complaint(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }
}

/// The programs that are installed on this machine, poetryd first. Prints a line about each, including those
/// that are not.
pub fn find() -> Vec<Contender> {
    let ports = free_ports::<3>();
    let mut found = vec![poetryd(ports[0], POEM, "")];
    println!("poetryd: {}", env!("CARGO_BIN_EXE_poetryd"));
    match nginx(ports[1], "") {
        Ok(nginx) => {
            println!("{}", version("nginx", "-v").unwrap());
            found.push(nginx);
        }
        Err(reason) => println!("nginx: left out: {reason}"),
    }
    match twistd(ports[2]) {
        Ok(twistd) => found.push(twistd),
        Err(reason) => println!("twistd: left out: {reason}"),
    }
    found
}

/// `more` is appended to the file: it belongs to the listener's table until it begins another one.
pub fn poetryd(port: u16, poem: &[u8], more: &str) -> Contender {
    let contender = Contender::new("poetryd", "poetryd.pid", port);
    fs::create_dir(contender.path("poetry")).unwrap();
    contender.write("poetry/ecstasy.txt", poem);
    // config/fast.toml with another port.
    contender.write(
        "fast.toml",
        format!(
            "name = \"fastpoetry\"\n[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n\
             [services.fast]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = {port}\nprotocol = \"fast\"\n\
             poem = \"ecstasy\"\n{more}\n"
        ),
    );
    contender.runs(&[env!("CARGO_BIN_EXE_poetryd"), "fast.toml"])
}

/// One worker, without an access log unless `more` has one. See [`Nginx`].
pub fn nginx(port: u16, more: &str) -> Result<Contender, String> {
    Nginx { workers: 1, connections: 1024, listen: "", more }.on(port)
}

/// nginx with its stream module.
pub struct Nginx<'a> {
    pub workers: usize,
    /// Of each worker.
    pub connections: usize,
    /// Parameters of the directive `listen`.
    pub listen: &'a str,
    /// Added before the server's block; paths in it are relative to its directory.
    pub more: &'a str,
}

impl Nginx<'_> {
    pub fn on(&self, port: u16) -> Result<Contender, String> {
        let contender = Contender::new("nginx", "nginx.pid", port);
        if version("nginx", "-v").is_none() {
            return Err("nginx is missing".into());
        }
        let prefix = contender.directory.path().display().to_string();
        contender.write("nginx.conf", self.configuration(&prefix, port));
        let configuration = contender.path("nginx.conf").display().to_string();
        let command = ["nginx", "-p", &prefix, "-c", &configuration];
        if !contender.answers_to(&[&command[..], &["-t"]].concat()) {
            return Err(format!("it can't serve a text: {}", contender.complaint().trim()));
        }
        let _ = fs::remove_file(contender.path("nginx.pid")); // the test leaves an empty one
        Ok(contender.runs(&command))
    }

    fn configuration(&self, prefix: &str, port: u16) -> String {
        let Self { workers, connections, listen, more } = self;
        let poem = String::from_utf8_lossy(POEM).replace('\\', "\\\\").replace('"', "\\\"");
        let module = if Path::new(STREAM_MODULE).exists() {
            format!("load_module {STREAM_MODULE};\n")
        } else {
            String::new()
        };
        format!(
            "{module}worker_processes {workers};\npid {prefix}/nginx.pid;\n\
             error_log {prefix}/nginx.log;\nevents {{ worker_connections {connections}; }}\n\
             stream {{ {more} server {{ listen 127.0.0.1:{port} {listen}; return \"{poem}\"; }} }}\n"
        )
    }
}

/// The line with the program's version, on standard output or standard error.
pub fn version(program: &str, option: &str) -> Option<String> {
    let said = Command::new(program).arg(option).output().ok()?;
    let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    text.lines().find(|line| line.contains("version")).map(str::to_owned)
}

/// The first line that a command prints on standard output.
pub fn first_line(words: &[&str]) -> Option<String> {
    let said = Command::new(words[0]).args(&words[1..]).output().ok()?;
    String::from_utf8_lossy(&said.stdout).lines().next().map(str::to_owned)
}

/// The first server of Dave Peticolas's introduction to Twisted, which logs a line for each poem. Here its
/// backlog is as long as poetryd's, not 50.
pub fn twistd(port: u16) -> Result<Contender, String> {
    let contender = Contender::new("twistd", "twistd.pid", port);
    contender.write("poem", POEM);
    contender.write(
        "fastpoetry.tac",
        format!(
            "from twisted.application import internet, service\n\
             from twisted.internet.protocol import Protocol, ServerFactory\n\
             from twisted.python import log\n\
             class PoetryProtocol(Protocol):\n    \
                 def connectionMade(self):\n        \
                     log.msg('sending %d bytes of poetry to %s'\n            \
                             % (len(self.factory.poem), self.transport.getPeer()))\n        \
                     self.transport.write(self.factory.poem)\n        \
                     self.transport.loseConnection()\n\
             factory = ServerFactory()\n\
             factory.protocol = PoetryProtocol\n\
             factory.poem = open('poem', 'rb').read()\n\
             application = service.Application('fastpoetry')\n\
             internet.TCPServer({port}, factory, backlog=4096, interface='127.0.0.1')\\\n    \
                 .setServiceParent(application)\n"
        ),
    );
    let named = std::env::var("TWISTD").unwrap_or("twistd".into());
    let imported = "from twisted.scripts.twistd import run; run()";
    let candidates = [vec![named.as_str()], vec!["twistd"], vec!["python3", "-c", imported]];
    let program = candidates
        .into_iter()
        .find(|words| contender.answers_to(&[&words[..], &["--version"]].concat()))
        .ok_or("neither $TWISTD nor PATH nor python3 has it")?;
    let version = first_line(&[&program[..], &["--version"]].concat());
    println!("twistd: {}, {}", program[0], version.unwrap_or_default());
    Ok(contender.runs(&[&program[..], &["-y", "fastpoetry.tac"]].concat()))
}

/// Ports below the range of free ports that the kernel assigns, so that no other program gets them between
/// two starts.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners =
        (20_000..30_000).filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    let listeners: Vec<TcpListener> = listeners.take(N).collect();
    let ports: Vec<u16> = listeners.iter().map(|l| l.local_addr().unwrap().port()).collect();
    ports.try_into().expect("free ports between 20000 and 30000")
}
