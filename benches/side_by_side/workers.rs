//! What poetryd's worker threads cost each other.

use crate::arena::contenders::{Contender, POEM, free_ports, poetryd};
use crate::arena::cores::Cores;
use crate::rounds::{POEMS, ROUNDS, rounds};
use crate::subject::Subject;
use crate::table;
use std::time::Instant;

/// Servers and clients on any core that the kernel chooses.
pub fn one_and_two(cores: &Cores, deadline: Instant) {
    if !cores.are_several() {
        return println!("poetryd with two workers: left out: there is only one core");
    }
    cores.take_all();
    let [one, two] = free_ports();
    let contenders =
        [with_workers(2, two).called("2 workers"), with_workers(1, one).called("1 worker")];
    let launch = |contender| Subject::launch(contender, Some("poetryd.log"));
    let subjects = contenders.into_iter().map(launch).collect();
    let figures = rounds(subjects, deadline);
    println!("poetryd with two workers and with one, {ROUNDS} interleaved rounds of {POEMS} poems");
    table::print(&figures);
    println!("(As above, but servers and clients run on whatever core the kernel chooses.)");
}

fn with_workers(number: usize, port: u16) -> Contender {
    poetryd(port, POEM, &format!("{}\n[daemon]\nworkers = {number}", crate::KEEP_ALL))
}
