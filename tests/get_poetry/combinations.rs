//! Every combination of servers that are up, slow, down, resetting and silent.

use crate::servers::{Down, resetting, silent, slow, up};
use crate::support::circumstances::room_for;
use crate::support::stderr;
use crate::{assert_status, get};
use std::process::Output;
use std::thread;

const UP: &[u8] = b"the poem of the one that is up\n";

/// Long, so that it comes in pieces.
fn slow_poem() -> Vec<u8> {
    (0..2000).flat_map(|n| format!("line {n} of the slow one\n").into_bytes()).collect()
}

/// A run of the client, and which servers it was to ask.
struct Run {
    output: Output,
    names: Vec<&'static str>,
    addresses: Vec<String>,
}

impl Run {
    fn asks(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    fn failures(&self) -> usize {
        ["down", "resetting", "silent"].iter().filter(|name| self.asks(name)).count()
    }
}

/// Runs the client with each combination, all at the same time, and looks at what it has done.
fn in_every_combination(options: &str, check: impl Fn(Run) + Sync) {
    let _room = room_for(200); // for what the clients print, and for their connections
    let slow_poem = slow_poem();
    let (up, slow, down) = (up(UP), slow(&slow_poem), Down::new());
    let (resetting, silent) = (resetting(&slow_poem), silent());
    let all = [
        ("slow", slow.to_string()),
        ("down", down.to_string()),
        ("resetting", resetting.to_string()),
        ("silent", silent.to_string()),
        ("up", up.to_string()),
    ];
    thread::scope(|scope| {
        for combination in 1u32..1 << all.len() {
            let chosen = all.iter().enumerate().filter(|(n, _)| combination & 1 << n != 0);
            let (names, addresses): (Vec<_>, Vec<_>) = chosen.map(|(_, one)| one.clone()).unzip();
            let check = &check;
            scope.spawn(move || {
                let output = get(&format!("--timeout 3 {options} {}", addresses.join(" ")));
                check(Run { output, names, addresses });
            });
        }
    });
}

#[test]
fn all_that_can_come_comes_and_every_failure_is_explained() {
    in_every_combination("", |run| {
        let mut expected = Vec::new();
        for name in &run.names {
            match *name {
                "up" => expected.extend(UP),
                "slow" => expected.extend(slow_poem()),
                _ => {}
            }
        }
        assert!(run.output.stdout == expected, "{:?}", run.names);
        assert_status(&run.output, i32::from(run.failures() > 0));
        let said = stderr(&run.output);
        for (name, address) in run.names.iter().zip(&run.addresses) {
            let reason = match *name {
                "down" => format!("can't connect to {address}: Connection refused"),
                // The reset may come before anything is read, or even seen to be connected.
                "resetting" => "Connection reset by peer".into(),
                "silent" => format!("{address} sent nothing for 3 seconds, after 0 bytes"),
                _ => format!("{address}: "),
            };
            assert!(said.contains(&reason), "{:?}: {said}", run.names);
        }
        let summary =
            format!("{} of {} poems could not be fetched:\n", run.failures(), run.names.len());
        let expects_summary = run.failures() > 0 && run.names.len() > 1;
        assert_eq!(said.contains(&summary), expects_summary, "{:?}: {said}", run.names);
    });
}

#[test]
fn one_poem_is_enough_if_one_can_come() {
    in_every_combination("--first", |run| {
        let slow_poem = slow_poem();
        let printed = &run.output.stdout;
        let is_one = run.asks("up") && printed == UP || run.asks("slow") && *printed == slow_poem;
        let expects_one = run.asks("up") || run.asks("slow");
        assert_eq!(is_one, expects_one, "{:?}", run.names);
        assert!(expects_one || printed.is_empty(), "{:?}", run.names);
        assert_status(&run.output, i32::from(!expects_one));
    });
}

#[test]
fn one_failure_is_enough_if_one_fails() {
    in_every_combination("--fail-fast", |run| {
        assert_status(&run.output, i32::from(run.failures() > 0));
        // What has come before is whole.
        let printed = &run.output.stdout;
        let rest = printed.strip_prefix(&slow_poem()[..]).unwrap_or(printed);
        assert!(rest.is_empty() || rest == UP, "{:?}", run.names);
        if run.failures() == 0 {
            let expected = usize::from(run.asks("slow")) * slow_poem().len()
                + usize::from(run.asks("up")) * UP.len();
            assert_eq!(printed.len(), expected, "{:?}", run.names);
        }
    });
}
