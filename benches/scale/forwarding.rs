//! What it costs to forward connections: beside nginx and HAProxy.

use crate::arena::contenders::{Contender, free_ports, version};
use crate::arena::cores::Cores;
use crate::arena::processes::{Daemon, until};
use crate::rivals::Rivals;
use crate::streams::{Target, read_all, say_and_hear};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::geteuid;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

const ROUNDS: usize = 20;

/// How many streams are forwarded at the same time, and how long each is.
const STREAMS: usize = 16;
const LONG: usize = 24 << 20;

/// As long as a poem.
const SHORT: usize = 3003;
const SHORT_ONES: usize = 1000;
const SHORT_AT_ONCE: usize = 8;

/// Connections on which something has passed in both directions, and nothing passes any more.
const IDLE: usize = 1000;

/// The path of the module on Debian. Other builds of nginx have it compiled in, or do not have it.
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

pub fn forwarding() {
    let cores = Cores::find();
    println!("connections that are forwarded, {ROUNDS} interleaved rounds, {}", cores.describe());
    cores.take_clients();
    let (long, short, echo) = (Target::says(LONG), Target::says(SHORT), Target::echoes());
    let per_gigabyte = 1e9 / (STREAMS * LONG) as f64;
    compare(&cores, long.address, "CPU, s/GB", |daemon| {
        cpu_of(daemon, || read_all(daemon.address, STREAMS, STREAMS, LONG)) * per_gigabyte
    });
    let each = 1e6 / SHORT_ONES as f64;
    compare(&cores, short.address, "CPU of 3003 bytes, µs", |daemon| {
        cpu_of(daemon, || read_all(daemon.address, SHORT_ONES, SHORT_AT_ONCE, SHORT)) * each
    });
    idle(&cores, echo.address);
    cores.take_all();
    println!(
        "(CPU: of the server, user and kernel: {STREAMS} streams of {} MiB at a time, and connections on which the \
         target\n says {SHORT} bytes and closes, {SHORT_AT_ONCE} at a time. poetryd writes its lines to the log, \
         nginx one of its own for each connection,\n HAProxy none. Memory: growth of the servers' anonymous memory with \
         {IDLE} connections.)",
        LONG >> 20
    );
}

/// Starts all of them as forwarders to this address, measures them in turn, and prints what was found.
fn compare(cores: &Cores, to: SocketAddr, what: &str, figure: impl Fn(&Daemon) -> f64) {
    let running = launch_all(cores, to);
    let mut rivals = Rivals::new(running.iter().map(|(_, daemon)| daemon.name));
    rivals.measure(ROUNDS, |number| figure(&running[number].1));
    rivals.print(what);
    running.iter().for_each(|(_, daemon)| stop(daemon));
}

/// Each of them once: the memory of a server that is idle again differs.
fn idle(cores: &Cores, to: SocketAddr) {
    println!("  memory for each idle connection, bytes");
    for (_contender, daemon) in launch_all(cores, to) {
        let _warm = say_and_hear(daemon.address, 10);
        let before = daemon.memory().anonymous;
        let clients = say_and_hear(daemon.address, IDLE);
        daemon.settled_cpu_time();
        let grown = (daemon.memory().anonymous - before) * 1024;
        println!("    {:<24}{:>9}", daemon.name, grown / clients.len() as u64);
        drop(clients);
        stop(&daemon);
    }
}

/// HAProxy leaves its pid file.
fn stop(daemon: &Daemon) {
    kill(daemon.pid, Signal::SIGTERM).unwrap();
    let flags = Some(WaitPidFlag::WNOHANG);
    until("the end of a forwarder", || waitpid(daemon.pid, flags) != Ok(WaitStatus::StillAlive));
}

fn cpu_of(daemon: &Daemon, work: impl FnOnce()) -> f64 {
    let before = daemon.settled_cpu_time();
    work();
    (daemon.settled_cpu_time() - before).as_secs_f64()
}

/// On the servers' core.
fn launch_all(cores: &Cores, to: SocketAddr) -> Vec<(Contender, Daemon)> {
    cores.take_servers();
    let launch = |contender: Contender| {
        let (daemon, _) = contender.launch();
        until(daemon.name, || TcpStream::connect(daemon.address).is_ok());
        (contender, daemon)
    };
    let running = found(to).into_iter().map(launch).collect();
    cores.take_clients();
    running
}

/// The programs that are installed. Prints a line about those that are not.
fn found(to: SocketAddr) -> Vec<Contender> {
    let ports = free_ports::<4>();
    let mut found = vec![poetryd(env!("CARGO_BIN_EXE_poetryd"), ports[0], to)];
    if let Ok(before) = std::env::var("POETRYD_BEFORE") {
        found.push(poetryd(&before, ports[3], to).called("before"));
    }
    let others = [("nginx", nginx(ports[1], to)), ("haproxy", haproxy(ports[2], to))];
    for (name, contender) in others {
        match contender {
            Ok(contender) => found.push(contender),
            Err(why) => println!("  {name}: left out: {why}"),
        }
    }
    found
}

fn poetryd(program: &str, port: u16, to: SocketAddr) -> Contender {
    let contender = Contender::new("poetryd", "poetryd.pid", port);
    contender.write(
        "forward.toml",
        format!(
            "[services.forward]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = {port}\n\
             protocol = \"forward\"\nto = \"{to}\"\n[daemon]\nstop-timeout = 0.1\n"
        ),
    );
    contender.runs(&[program, "forward.toml"])
}

fn nginx(port: u16, to: SocketAddr) -> Result<Contender, String> {
    let contender = Contender::new("nginx", "nginx.pid", port);
    version("nginx", "-v").ok_or("not in PATH")?;
    let module = match Path::new(STREAM_MODULE).exists() {
        true => format!("load_module {STREAM_MODULE};\n"),
        false => String::new(),
    };
    let user = if geteuid().is_root() { "user root;\n" } else { "" };
    contender.write(
        "nginx.conf",
        format!(
            "{module}{user}worker_processes 1;\npid nginx.pid;\nerror_log nginx.log;\n\
             events {{ worker_connections 4096; }}\n\
             stream {{ log_format line '$remote_addr $bytes_sent'; access_log access.log line;\n\
             server {{ listen 127.0.0.1:{port}; proxy_pass {to}; }} }}\n"
        ),
    );
    let prefix = contender.path("").display().to_string();
    let configuration = contender.path("nginx.conf").display().to_string();
    let command = ["nginx", "-p", &prefix, "-c", &configuration];
    if !contender.answers_to(&[&command[..], &["-t"]].concat()) {
        return Err(format!("it can't forward: {}", contender.complaint().trim()));
    }
    let _ = std::fs::remove_file(contender.path("nginx.pid")); // the test leaves an empty one
    Ok(contender.runs(&command))
}

fn haproxy(port: u16, to: SocketAddr) -> Result<Contender, String> {
    let contender = Contender::new("haproxy", "haproxy.pid", port);
    version("haproxy", "-v").ok_or("not in PATH")?;
    contender.write(
        "haproxy.cfg",
        format!(
            "global\n nbthread 1\n maxconn 4096\n\
             defaults\n mode tcp\n timeout connect 10s\n timeout client 1h\n timeout server 1h\n\
             listen forward\n bind 127.0.0.1:{port}\n server target {to}\n"
        ),
    );
    Ok(contender.runs(&["haproxy", "-D", "-f", "haproxy.cfg", "-p", "haproxy.pid"]))
}
