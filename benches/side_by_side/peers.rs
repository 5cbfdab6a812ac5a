//! poetryd compared with other servers: which ones, and the table.

use crate::arena::contenders::{Contender, POEM, free_ports, nginx, poetryd, twistd};
use crate::arena::cores::Cores;
use crate::floor::floor;
use crate::load::Load;
use crate::rounds::rounds;
use crate::subject::Subject;
use crate::table::{self, Figures};
use std::time::{Duration, Instant};

/// In each round. The clients have one core, and need only one thread.
pub const LOAD: Load = Load { clients: 64, poems: 5_000, threads: 1 };

/// Nothing here should take this long.
const LIMIT: Duration = Duration::from_secs(170);

/// nginx's log lines contain the same information as those of the others.
pub const LOG_FORMAT: &str = "log_format line '$time_iso8601 sending $bytes_sent bytes of poetry to \
                          $remote_addr:$remote_port'; access_log access.log line";

/// Servers on one core, clients on another.
pub fn side_by_side(cores: &Cores, number: usize) -> Vec<Figures> {
    println!("\n{}", cores.describe());
    cores.take_servers();
    let subjects = launch();
    let names: Vec<_> = subjects.iter().map(Subject::name).collect();
    cores.take_clients();
    let served = rounds(subjects, number, Instant::now() + LIMIT);
    let figures: Vec<_> = names.into_iter().zip(served).map(Figures::of).collect();
    println!(
        "\na poem of {} bytes to each of {} clients at a time, {number} interleaved rounds of {} poems",
        POEM.len(),
        LOAD.clients,
        LOAD.poems
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
        Ok(contender) => subjects.push(Subject::launch(contender.called(name), log, LOAD)),
        Err(reason) => println!("{name}: left out: {reason}"),
    };
    add("poetryd", Ok(poetryd(ports[0], POEM, crate::KEEP_ALL)), Some("poetryd.log"));
    let written_at_once = nginx(ports[1], &format!("{LOG_FORMAT};"));
    add("nginx", written_at_once, Some("access.log"));
    let buffered = nginx(ports[2], &format!("{LOG_FORMAT} buffer=64k flush=1s;"));
    add("nginx, buffered", buffered, Some("access.log"));
    add("floor in C", floor(ports[3]), None);
    add("twistd", twistd(ports[4]), Some("twistd.log"));
    subjects
}
