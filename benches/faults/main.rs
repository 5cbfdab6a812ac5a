//! A campaign of faults against a poetryd in the background: clients of all kinds, signals, restarts, kills and a
//! full disk. It prints what was sent and what was lost, and exits with 1 if anything was lost.
//!
//!     cargo bench --bench faults
//!     cargo bench --bench faults -- --clients 100000 --seed 7
//!
//! Everything is on loopback. Only processes that were started here are ended, by their pids. Each client has
//! its own address in 127.0.0.0/8, by which its log line is found. The full disk needs root.

#[path = "../arena/mod.rs"]
mod arena;
mod campaign;
mod client;
mod daemon;
mod full_disk;
mod kind;
mod lines;
mod tally;

use arena::figures::machine;
use arena::processes::Children;
use std::process::ExitCode;
use std::time::Instant;
use tally::Tally;

const CLIENTS: usize = 1_000_000;
/// As many as there are addresses for them.
const MOST_CLIENTS: usize = 10_000_000;

const SEED: u64 = 20_261_124;

fn main() -> ExitCode {
    // `cargo test --all-targets` starts this program, too, but should not wait for it.
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("a benchmark: cargo bench --bench faults");
        return ExitCode::SUCCESS;
    }
    let (clients, seed) = (option("--clients", CLIENTS), option("--seed", SEED));
    assert!((1..=MOST_CLIENTS).contains(&clients), "--clients: 1 to {MOST_CLIENTS}");
    let start = Instant::now();
    println!("{}\npoetryd: {}", machine(), env!("CARGO_BIN_EXE_poetryd"));
    println!("{clients} clients, seed {seed}\n");
    let mut tally = Tally::default();
    {
        let _children = Children::adopt();
        campaign::run(clients, seed, &mut tally);
        full_disk::run(&mut tally);
        tally.lost(
            "processes left",
            arena::processes::descendants(nix::unistd::Pid::this()).len() - 1,
        );
    }
    tally.print();
    println!("\nin {:.0} s", start.elapsed().as_secs_f64());
    if tally.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The number after an option of the command line.
fn option<T: std::str::FromStr>(name: &str, default: T) -> T {
    let mut args = std::env::args().skip_while(|arg| arg != name).skip(1);
    let Some(text) = args.next() else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}: expected a number, found {text:?}"))
}
