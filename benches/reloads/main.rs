//! Reloads under load, and how long a reload takes. Prints what was lost, which has to be nothing: it panics
//! otherwise.
//!
//!     cargo bench --bench reloads
//!     cargo bench --bench reloads -- variety services
//!
//! With names of parts after it, it runs these only. The same runs, a tenth as long, are tests: `tests/reload/load`
//! and `tests/tree/reloading.rs`.

#[path = "../arena/figures.rs"]
#[allow(dead_code)] // this uses a part of it
mod figures;
#[path = "../../tests/tree/grove.rs"]
#[allow(dead_code)] // the same
mod grove;
#[path = "../../tests/reload/load/mod.rs"]
mod load;
#[path = "../../tests/tree/reloading.rs"]
#[allow(dead_code)] // its test
mod reloading;
mod services;
#[path = "../../tests/support/mod.rs"]
mod support;

use figures::machine;
use load::{drains, quotes, signals, variety};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A part, and the name with which it can be chosen.
type Part = (&'static str, fn());

const PARTS: [Part; 6] = [
    ("variety", variety_of_changes),
    ("drains", slow_readers),
    ("store", store),
    ("signals", random_signals),
    ("quotes", datagrams),
    ("services", services::times),
];

/// The size of large poems.
const LARGE: usize = 64_000_000;

fn main() -> ExitCode {
    if std::env::var_os("GROVE").is_some() {
        return grove::main();
    }
    // `cargo test --all-targets` starts this program, too, but should not wait for it.
    let args: Vec<String> = std::env::args().skip(1).collect();
    if !args.iter().any(|arg| arg == "--bench") {
        println!("a benchmark: cargo bench --bench reloads");
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    println!("{}", machine());
    for (name, run) in PARTS {
        if chosen.is_empty() || chosen.iter().any(|chosen| *chosen == name) {
            let start = Instant::now();
            run();
            println!("    in {:.1} s", start.elapsed().as_secs_f64());
        }
    }
    ExitCode::SUCCESS
}

fn variety_of_changes() {
    println!(
        "500 reloads that change texts, files, listeners, groups and protocols under 64 clients:"
    );
    println!("    {}", variety::nobody_loses_anything(500));
}

fn slow_readers() {
    println!("50 slow readers of 64 MB over 10 reloads that change the text:");
    let [before, meanwhile, after] = drains::everybody_gets_one_whole_text(10, 50, LARGE);
    println!("    all whole; VmRSS {before} kB before, {meanwhile} kB meanwhile, {after} kB after");
    println!("10 generations of 5 slow readers of 16 MB, then SIGTERM:");
    drains::a_stop_waits_for_all_generations(10, 5, LARGE / 4);
    println!("    all whole");
    println!("the same, but nobody reads:");
    drains::at_the_deadline_all_generations_are_cut(10, 5, LARGE / 4);
    println!("    all cut at the deadline, and counted");
}

fn store() {
    println!("a store replaced 50 times under 32 writers:");
    println!("    {}", reloading::every_acknowledged_write_is_there(50));
}

fn random_signals() {
    println!("1000 SIGHUPs at random moments in a minute, under 16 clients:");
    let time = Duration::from_secs(60);
    let (tally, figures) = signals::after_the_last_signal_there_is_a_reload(1000, time);
    let signals::Figures { reloads, before, after } = figures;
    println!("    {tally}\n    {reloads} reloads with those of the warm-up of 99 signals");
    println!("    VmRSS and descriptors: {} kB and {} after the warm-up", before.0, before.1);
    println!("    VmRSS and descriptors: {} kB and {} at the end", after.0, after.1);
}

fn datagrams() {
    println!("a quote service replaced 200 times under 8 clients:");
    println!("    {} datagrams, all answered", quotes::every_datagram_is_answered(200));
}
