//! Who serves the crowds: all of them on all cores, with two workers, threads or processes if they can.

use crate::arena::contenders::{
    Contender, Nginx, POEM, first_line, free_ports, poetryd, twistd, version,
};
use crate::golang::golang;
use crate::load::Load;
use crate::peers::LOG_FORMAT;
use crate::plain_tokio::plain_tokio;
use crate::subject::Subject;

/// twistd is slow: it fetches this part of the poems, but not fewer than are necessary.
const TWISTD_SHARE: usize = 4;

pub fn print_versions() {
    println!("poetryd: {}", env!("CARGO_BIN_EXE_poetryd"));
    let go = first_line(&["go", "version"]);
    for (name, version) in [("nginx", version("nginx", "-v")), ("Go", go)] {
        println!("{}", version.unwrap_or(format!("{name} is missing")));
    }
}

/// Those that are installed on this machine, poetryd first. Prints a line about each that is not.
pub fn launch(load: Load) -> Vec<Subject> {
    let ports = free_ports::<8>();
    let mut subjects = Vec::new();
    let mut add = |name, contender: Result<Contender, String>, log, load| match contender {
        Ok(contender) => subjects.push(Subject::launch(contender.called(name), log, load)),
        Err(reason) => println!("{name}: skipped: {reason}"),
    };
    let logged = Some("poetryd.log");
    add("poetryd", Ok(with_workers(2, ports[0], "")), logged, load);
    add("poetryd, 1 worker", Ok(with_workers(1, ports[1], "")), logged, load);
    let silent = with_workers(2, ports[2], "level = \"warn\"\n");
    add("poetryd, no log", Ok(silent), None, load);
    add("nginx", two_of_nginx(ports[3], ""), Some("access.log"), load);
    add("nginx, reuseport", two_of_nginx(ports[4], "reuseport"), Some("access.log"), load);
    add("plain Tokio, no log", Ok(plain_tokio(ports[5])), None, load);
    add("Go, no log", golang(ports[6]), None, load);
    let fewer = Load { poems: (load.poems / TWISTD_SHARE).max(3 * load.clients), ..load };
    add("twistd", twistd(ports[7]), Some("twistd.log"), fewer);
    subjects
}

fn with_workers(number: usize, port: u16, log: &str) -> Contender {
    poetryd(port, POEM, &format!("{}\n{log}[daemon]\nworkers = {number}", crate::KEEP_ALL))
}

/// With a log that is written in large pieces, and a backlog as long as poetryd's.
fn two_of_nginx(port: u16, listen: &str) -> Result<Contender, String> {
    let listen = format!("backlog=4096 {listen}");
    let more = format!("{LOG_FORMAT} buffer=64k flush=1s;");
    Nginx { workers: 2, connections: 8192, listen: &listen, more: &more }.on(port)
}
