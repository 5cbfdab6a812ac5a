//! poetryd compared with other servers: which ones, and the table.

use crate::arena::contenders::{Contender, POEM, free_ports, nginx, poetryd, twistd, version};
use crate::arena::cores::Cores;
use crate::floor::floor;
use crate::load::CLIENTS;
use crate::rounds::{POEMS, ROUNDS, rounds};
use crate::subject::Subject;
use crate::table::{self, Figures};
use std::time::Instant;

/// nginx's log lines contain the same information as those of the others.
const LOG_FORMAT: &str = "log_format line '$time_iso8601 sending $bytes_sent bytes of poetry to \
                          $remote_addr:$remote_port'; access_log access.log line";

/// Servers on one core, clients on another.
pub fn side_by_side(cores: &Cores, deadline: Instant) -> Vec<Figures> {
    cores.take_servers();
    let subjects = launch();
    cores.take_clients();
    let figures = rounds(subjects, deadline);
    println!(
        "\na poem of {} bytes to each of {CLIENTS} clients at a time, {ROUNDS} interleaved rounds of {POEMS} poems",
        POEM.len()
    );
    table::print(&figures);
    println!(
        "(CPU: user and system time of all threads and processes of a server. Ratios: within a round.\n \
         Everybody but the floor logs a line for each poem; the lines were counted. nginx writes them\n \
         one by one, nginx buffered with buffer=64k flush=1s, poetryd in batches as they come. The\n \
         floor in C: accept4, send, close.)"
    );
    figures
}

/// The servers that are installed on this machine, poetryd first. Prints a line about each, including those
/// that are not.
fn launch() -> Vec<Subject> {
    let ports = free_ports::<5>();
    let mut subjects = Vec::new();
    let mut add = |name, contender: Result<Contender, String>, log| match contender {
        Ok(contender) => subjects.push(Subject::launch(contender.called(name), log)),
        Err(reason) => println!("{name}: left out: {reason}"),
    };
    println!("poetryd: {}", env!("CARGO_BIN_EXE_poetryd"));
    add("poetryd", Ok(poetryd(ports[0], POEM, crate::KEEP_ALL)), Some("poetryd.log"));
    let written_at_once = nginx(ports[1], &format!("{LOG_FORMAT};"));
    if written_at_once.is_ok() {
        println!("{}", version("nginx", "-v").unwrap());
    }
    add("nginx", written_at_once, Some("access.log"));
    let buffered = nginx(ports[2], &format!("{LOG_FORMAT} buffer=64k flush=1s;"));
    add("nginx, buffered", buffered, Some("access.log"));
    add("floor in C", floor(ports[3]), None);
    add("twistd", twistd(ports[4]), Some("twistd.log"));
    subjects
}
