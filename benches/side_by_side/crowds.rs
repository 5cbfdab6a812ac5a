//! How many poems poetryd and others serve, and how fast, with few clients at a time and with many.
//!
//! Servers and clients share all cores, so that whatever either of them saves is there for the other one.

use crate::arena::contenders::POEM;
use crate::arena::cores::Cores;
use crate::arena::figures::Summary;
use crate::load::Load;
use crate::markdown::{self, number, ratio, spread};
use crate::rivals;
use crate::rounds::rounds;
use crate::subject::{Served, Subject};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::time::{Duration, Instant};

/// How many there are at a time.
pub const CLIENTS: [usize; 4] = [1, 64, 512, 4096];

/// No number of clients should take this long.
const LIMIT: Duration = Duration::from_secs(600);

/// Descriptors for everything but the clients.
const SPARE: u64 = 200;

/// In each round.
fn load(clients: usize) -> Load {
    let poems = match clients {
        1 => 4_000,
        4096 => 32_000,
        _ => 20_000,
    };
    Load { clients, poems, threads: 2 }
}

pub fn serve(clients: usize, cores: &Cores, number: usize) {
    let load = load(clients);
    let descriptors = raise_descriptors();
    println!();
    if descriptors < clients as u64 + SPARE {
        return println!(
            "{clients} at a time: skipped: only {descriptors} descriptors are allowed (ulimit -Hn)"
        );
    }
    cores.take_all();
    let subjects = rivals::launch(load);
    let names: Vec<_> = subjects.iter().map(Subject::name).collect();
    let served = rounds(subjects, number, Instant::now() + LIMIT);
    println!(
        "a poem of {} bytes, clients at a time: {clients}, their threads: {}, {number} interleaved rounds of {} \
         poems\n",
        POEM.len(),
        load.threads.min(clients),
        load.poems
    );
    let crowds: Vec<_> = names.into_iter().zip(served).collect();
    print_rates(&crowds);
    println!();
    print_latencies(&crowds);
    println!();
    print_processor_time(&crowds);
}

/// Raises the soft limit, which the servers inherit. Returns it.
fn raise_descriptors() -> u64 {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    hard
}

/// A contender, and what it served, round by round.
type Crowd = (&'static str, Vec<Served>);

fn print_rates(crowds: &[Crowd]) {
    let rate = |served: &Served| served.clients.rate;
    print_table(crowds, ["poems/s", "poetryd / it", "cores busy"], |first, crowd| {
        let busy = |served: &Served| served.nanoseconds_of_both() * served.clients.rate / 1e9;
        let to = compared(first, crowd, rate);
        [spread(&summary(crowd, rate)), to, number(summary(crowd, busy).median)]
    });
}

/// In milliseconds.
fn print_latencies(crowds: &[Crowd]) {
    let head = ["p50, ms", "p99, ms", "p99.9, ms", "p99: poetryd / it"];
    print_table(crowds, head, |first, crowd| {
        let of = |share: usize| spread(&summary(crowd, |served| served.latency(share)));
        [of(500), of(990), of(999), compared(first, crowd, |served| served.latency(990))]
    });
}

fn print_processor_time(crowds: &[Crowd]) {
    let head = ["server, ns of CPU per poem", "poetryd / it", "server and clients", "poetryd / it"];
    print_table(crowds, head, |first, crowd| {
        let of = |what: fn(&Served) -> f64| spread(&summary(crowd, what));
        let to = |what: fn(&Served) -> f64| compared(first, crowd, what);
        let (server, both) = (Served::nanoseconds_per_poem, Served::nanoseconds_of_both);
        [of(server), to(server), of(both), to(both)]
    });
}

/// `cells` gets the first contender, and the one that the row is about.
fn print_table<const N: usize>(
    crowds: &[Crowd],
    head: [&str; N],
    cells: impl Fn(&Crowd, &Crowd) -> [String; N],
) {
    let head = std::iter::once("").chain(head).map(str::to_owned).collect();
    let row = |crowd: &Crowd| {
        std::iter::once(crowd.0.to_owned()).chain(cells(&crowds[0], crowd)).collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(crowds.iter().map(row)).collect();
    markdown::print(&rows);
}

fn summary((_, served): &Crowd, of: impl Fn(&Served) -> f64) -> Summary {
    Summary::of_numbers(served.iter().map(of))
}

/// The ratio of the first one to another one, within a round. Nothing for the first one itself.
fn compared(first: &Crowd, other: &Crowd, of: impl Fn(&Served) -> f64) -> String {
    if first.0 == other.0 {
        return String::new();
    }
    let pairs = first.1.iter().zip(&other.1);
    ratio(&Summary::of_numbers(pairs.map(|(a, b)| of(a) / of(b))))
}
