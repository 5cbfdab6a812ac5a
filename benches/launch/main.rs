//! What a daemon costs before it serves a client, compared with nginx and twistd.
//!
//!     cargo bench --bench launch
//!
//! nginx with its stream module and twistd are looked for in PATH, twistd also in $TWISTD. Programs that are
//! not found are left out. No other program should be busy meanwhile, which is why the load average is
//! printed.

#[path = "../arena/mod.rs"]
mod arena;

use arena::contenders::{self, Contender, POEM};
use arena::figures::{self, Summary, machine, row};
use arena::processes::Children;
use std::thread::sleep;
use std::time::Duration;

/// How often each program is started and stopped. One more round, the first, is not counted.
const ROUNDS: usize = 25;

/// The pause between the first poem and the stop, so that the daemon is idle when it is stopped, not still
/// closing a connection.
const REST: Duration = Duration::from_millis(50);

/// In how many starts of each program memory is measured. It hardly varies.
const WEIGHINGS: usize = 5;

fn main() {
    // `cargo test --all-targets` starts this program, too, but should not wait for it.
    if !std::env::args().any(|arg| arg == "--bench") {
        return println!("a benchmark: cargo bench --bench launch");
    }
    let _children = Children::adopt();
    println!("{}", machine());
    let contenders = contenders::find();
    println!();
    launch_and_stop(&contenders);
    println!();
    memory_when_idle(&contenders);
    println!("\nload average afterwards: {}", figures::load_average());
}

/// Each program in turn, so that what slows the machine down for a while affects all of them.
fn launch_and_stop(contenders: &[Contender]) {
    let mut times: Vec<[Vec<Duration>; 3]> = vec![Default::default(); contenders.len()];
    for round in 0..=ROUNDS {
        for (contender, times) in contenders.iter().zip(&mut times) {
            let (daemon, prompt) = contender.launch();
            let ready = daemon.until_it_serves(POEM);
            sleep(REST);
            let stop = daemon.stop();
            if round > 0 {
                times.iter_mut().zip([prompt, ready, stop]).for_each(|(all, one)| all.push(one));
            }
        }
    }
    println!("launch and stop, {ROUNDS} interleaved rounds, in ms");
    row(["", "", "min", "median", "max", "ratio"]);
    let what = ["until the prompt returns", "until a whole poem came", "SIGTERM to no pid file"];
    for (n, what) in what.iter().enumerate() {
        let first = Summary::of(&times[0][n]).median;
        for (contender, times) in contenders.iter().zip(&times) {
            let Summary { min, median, max } = Summary::of(&times[n]);
            let [shown_min, shown_median, shown_max] =
                [min, median, max].map(|t| format!("{t:.2}"));
            let ratio = format!("{:.2}", median / first);
            row([what, contender.name, &shown_min, &shown_median, &shown_max, &ratio]);
        }
    }
    println!(
        "(ratio: of the medians, to poetryd's. poetryd's launch returns when it serves; nginx's when its socket \
         listens;\n twistd's before it listens. Conditions are looked at every 0.1 ms or so.)"
    );
}

fn memory_when_idle(contenders: &[Contender]) {
    println!("memory when idle, after one poem, all processes of a daemon together, in kB");
    row(["", "", "processes", "VmRSS", "Pss", "anonymous"]);
    for contender in contenders {
        let mut weighings: Vec<_> = (0..WEIGHINGS).map(|_| contender.weigh()).collect();
        weighings.sort_by_key(|memory| memory.resident);
        let memory = &weighings[WEIGHINGS / 2];
        let shown =
            [memory.processes as u64, memory.resident, memory.proportional, memory.anonymous];
        let [processes, resident, proportional, anonymous] = shown.map(|n| n.to_string());
        row(["", contender.name, &processes, &resident, &proportional, &anonymous]);
    }
    println!("(VmRSS counts a page shared by two processes twice, Pss half for each.)");
}
