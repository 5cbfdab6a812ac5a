//! The servers of large poems: poetryd, nginx from a file with sendfile(2), socat from a file.

use crate::arena::contenders::{Contender, free_ports, version};
use crate::arena::cores::Cores;
use crate::arena::processes::{Daemon, descendants, until};
use crate::networks::Network;
use crate::readers::{LargePoem, Source, fetch};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, SysconfVar, geteuid, sysconf};
use std::fs;
use std::net::TcpStream;
use std::time::Duration;

/// Where nginx would store what it receives, which is nothing here.
const TEMPORARY: &str = "client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; \
                         uwsgi_temp_path t; scgi_temp_path t;";

/// How many servers there are at most at the same time.
const MOST: usize = 8;

/// Makes a server of a poem on a port.
pub type Maker = fn(u16, &LargePoem) -> Contender;

/// The servers that are installed on this machine, poetryd and nginx first. Prints a line about each, including
/// those that are not.
pub fn find() -> Vec<(&'static str, Maker)> {
    println!("poetryd: {}", env!("CARGO_BIN_EXE_poetryd"));
    let mut found: Vec<(_, Maker)> = vec![("poetryd", poetryd)];
    let others: [(_, _, Maker); 2] = [("nginx", "-v", nginx), ("socat", "-V", socat)];
    for (name, option, maker) in others {
        match version(name, option) {
            Some(version) => {
                println!("{version}");
                found.push((name, maker));
            }
            None => println!("{name}: left out: not in PATH"),
        }
    }
    if let Some(file) = other_build() {
        println!("other build: {file}");
        let other = |port, poem: &LargePoem| {
            poetryd_of(&other_build().unwrap(), port, poem).called("other")
        };
        found.push(("other", other));
    }
    found
}

/// Another build of poetryd that is measured in the same rounds: `$OTHER_POETRYD`.
fn other_build() -> Option<String> {
    std::env::var("OTHER_POETRYD").ok()
}

/// A running server.
pub struct Server<'a> {
    daemon: Daemon,
    network: &'a Network,
    request: Option<String>,
    /// The number of its processes when it is idle.
    processes: usize,
    _contender: Contender,
}

/// One round of a server.
pub struct Turn {
    pub wall: Duration,
    /// Of the server.
    pub cpu: Duration,
    /// Of the clients.
    pub client_cpu: Duration,
}

impl<'a> Server<'a> {
    /// Each on the servers' core.
    pub fn launch_all(
        makers: &[(&'a Network, Maker)],
        poem: &LargePoem,
        cores: &Cores,
    ) -> Vec<Self> {
        let ports = free_ports::<MOST>();
        cores.take_servers();
        let servers = makers.iter().zip(ports);
        let servers = servers
            .map(|((network, make), port)| Self::launch(network, make(port, poem), poem))
            .collect();
        cores.take_clients();
        servers
    }

    fn launch(network: &'a Network, contender: Contender, poem: &LargePoem) -> Self {
        network.enter();
        let (daemon, _) = contender.launch();
        until(daemon.name, || TcpStream::connect(daemon.address).is_ok());
        let mut processes = 0;
        // nginx starts its worker, and socat's child for the connection above ends.
        until("processes that come and go", || {
            let before = std::mem::replace(&mut processes, descendants(daemon.pid).len());
            std::thread::sleep(Duration::from_millis(20));
            before == processes
        });
        let file = poem.file.file_name().unwrap().to_str().unwrap();
        let http = daemon.name == "nginx";
        let request = http.then(|| format!("GET /{file} HTTP/1.0\r\n\r\n"));
        Self { daemon, network, request, processes, _contender: contender }
    }

    pub fn name(&self) -> &'static str {
        self.daemon.name
    }

    pub fn network(&self) -> &'a Network {
        self.network
    }

    /// To so many clients at the same time, and that several times.
    pub fn serves(&self, clients: usize, times: usize, poem: &LargePoem) -> Turn {
        self.network.enter();
        let request = self.request.as_ref().map(String::as_bytes);
        let source = Source { name: self.name(), address: self.daemon.address, request };
        let (cpu, client_cpu) = (self.cpu_time(), own_cpu_time());
        let wall = (0..times).map(|_| fetch(&source, clients, poem)).sum();
        let client_cpu = own_cpu_time() - client_cpu;
        Turn { wall, cpu: self.cpu_time() - cpu, client_cpu }
    }

    /// When it is idle again. The time of running processes is added to that of its children that have ended,
    /// which the kernel counts in hundredths of a second.
    fn cpu_time(&self) -> Duration {
        until("the end of children", || descendants(self.daemon.pid).len() == self.processes);
        self.daemon.settled_cpu_time() + of_ended_children(self.daemon.pid)
    }

    pub fn stop(self) {
        kill(self.daemon.pid, Signal::SIGTERM).unwrap();
        let flags = Some(WaitPidFlag::WNOHANG);
        until("the end of a server", || {
            waitpid(self.daemon.pid, flags) != Ok(WaitStatus::StillAlive)
        });
    }
}

fn poetryd(port: u16, poem: &LargePoem) -> Contender {
    poetryd_of(env!("CARGO_BIN_EXE_poetryd"), port, poem)
}

fn poetryd_of(program: &str, port: u16, poem: &LargePoem) -> Contender {
    let contender = Contender::new("poetryd", "poetryd.pid", port);
    contender.write(
        "large.toml",
        format!(
            "[services.large]\nkind = \"poem\"\nfile = \"{}\"\n\
             [services.fast]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = {port}\nprotocol = \"fast\"\n\
             poem = \"large\"\n",
            poem.file.display()
        ),
    );
    contender.runs(&[program, "large.toml"])
}

fn nginx(port: u16, poem: &LargePoem) -> Contender {
    let contender = Contender::new("nginx", "nginx.pid", port);
    let prefix = contender.path("").display().to_string();
    let root = poem.file.parent().unwrap().display();
    // When started by root, its worker would otherwise run as a user that may not read this directory.
    let user = if geteuid().is_root() { "user root;\n" } else { "" };
    contender.write(
        "nginx.conf",
        format!(
            "{user}worker_processes 1;\npid nginx.pid;\nerror_log nginx.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ {TEMPORARY} access_log access.log; sendfile on; tcp_nopush on;\n\
             server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
        ),
    );
    let configuration = contender.path("nginx.conf").display().to_string();
    contender.runs(&["nginx", "-p", &prefix, "-c", &configuration, "-e", "nginx.log"])
}

/// A process for each client, each of which opens the file. Its buffer has the default size, 8192 bytes. Its
/// backlog of 5 is increased for all clients, which would otherwise have to try again.
fn socat(port: u16, poem: &LargePoem) -> Contender {
    let listen = format!("TCP-LISTEN:{port},fork,reuseaddr,bind=127.0.0.1,backlog=128");
    let file = format!("OPEN:{},rdonly", poem.file.display());
    let script = format!("socat -U {listen} {file} & echo $! > socat.pid");
    Contender::new("socat", "socat.pid", port).runs(&["sh", "-c", &script])
}

/// In user and in kernel mode together: cutime and cstime of proc_pid_stat(5).
fn of_ended_children(pid: Pid) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_the_name = stat.rsplit(')').next().unwrap();
    let ticks = after_the_name.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.map(|number| number.parse::<u64>().unwrap()).sum();
    let per_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap() as f64;
    Duration::from_secs_f64(ticks as f64 / per_second)
}

/// Of this thread.
fn own_cpu_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}
