//! How long a reload takes, from the signal to the verdict.

use crate::figures::Summary;
use crate::support::manager::Manager;
use crate::support::{Foreground, Sandbox, run};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// The numbers of poems. There is one listener more.
const POEMS: [usize; 3] = [10, 1_000, 10_000];

/// How often each is done. One more round, the first, is not counted.
const ROUNDS: usize = 9;

const FILE: &str = "many.toml";

pub fn times() {
    println!(
        "time of a reload, from the signal to the verdict, {ROUNDS} rounds, in ms: median (min to max)"
    );
    for poems in POEMS {
        let sandbox = Sandbox::new();
        sandbox.write_poem("poetry/other.txt", 3000);
        sandbox.write(FILE, &application(poems, None));
        let checked = measure(|_| {
            assert!(run(sandbox.poetryd(&["check", FILE])).status.success());
        });
        println!("    {poems} poems: poetryd check, a process of its own: {checked}");
        let (manager, daemon) =
            Manager::start(&sandbox, sandbox.poetryd(&["--nodaemon", "--log-level", "warn", FILE]));
        let kept = measure(|_| reload(&manager, &daemon, ", 0 updated, 0 replaced"));
        println!("    {poems} poems: nothing has changed: {kept}");
        let changed = measure(|round| {
            sandbox.write(FILE, &application(poems, Some(round)));
            reload(&manager, &daemon, ", 0 updated, 1 replaced, 0 added, 0 removed");
        });
        println!("    {poems} poems: one line has changed: {changed}");
        daemon.stop();
    }
}

fn reload(manager: &Manager, daemon: &Foreground, expected: &str) {
    let verdict = manager.reload(daemon);
    assert!(verdict.contains(expected), "{verdict}; expected: {expected}");
}

/// An application of this many poems. In round `changed`, the file of one of them is another one.
fn application(poems: usize, changed: Option<usize>) -> String {
    let mut text = String::new();
    for n in 0..poems {
        let is_other = n == poems / 2 && changed.is_some_and(|round| round.is_multiple_of(2));
        let name = if is_other { "other" } else { "ecstasy" };
        write!(text, "[services.poem-{n}]\nkind = \"poem\"\nfile = \"poetry/{name}.txt\"\n")
            .unwrap();
    }
    text += "[services.fast]\nkind = \"tcp\"\nport = 0\nprotocol = \"fast\"\npoem = \"poem-0\"\n";
    text
}

fn measure(mut work: impl FnMut(usize)) -> String {
    let mut times: Vec<Duration> = (0..=ROUNDS)
        .map(|round| {
            let start = Instant::now();
            work(round);
            start.elapsed()
        })
        .collect();
    times.remove(0);
    let Summary { min, median, max } = Summary::of(&times);
    format!("{median:.1} ({min:.1} to {max:.1})")
}
