//! Services that fail, and those that serve meanwhile.

use crate::grove::{grove, start};
use crate::support::{Foreground, Sandbox, fetch, run, stdout};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

const SERVER: &str = "[services.poem]\nkind = \"poem\"\nfile = \"poem\"\n\
                      [services.fast]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\n\
                      protocol = \"fast\"\npoem = \"poem\"\n";

/// Lets 64 clients fetch again and again until the log has this line. Returns how many poems they got; each of them
/// has to be whole.
fn fetch_until(daemon: &Foreground, address: SocketAddr, poem: &[u8], line: &str) -> usize {
    let (fetched, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(fetch(address).unwrap() == poem, "a poem is not whole");
                    fetched.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        daemon.wait_for(line);
        done.store(true, Ordering::Relaxed);
    });
    fetched.into_inner()
}

pub fn one_of_1000_services_fails_100_times_and_nobody_who_fetches_from_another_loses_anything() {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("poem", 3003);
    let failing = "[services.failing]\nkind = \"failing\"\ntimes = 100\nrestart = \"on-failure\"\n\
                   restart-delay = 0.01\nrestart-max-delay = 0.01\n";
    let others = (0..997)
        .map(|n| format!("[services.other-{n}]\nkind = \"poem\"\nfile = \"poem\"\n"))
        .collect::<String>();
    let daemon = start(&sandbox, &format!("{SERVER}{others}{failing}"));
    let address = daemon.address("fast");
    let fetched = fetch_until(&daemon, address, &poem, "out of ink for the 100. time");
    assert!(fetched > 0);
    let log = daemon.stop();
    let lines = |text: &str| log.iter().filter(|line| line.contains(text)).count();
    assert_eq!(lines("[failing] error: service failing failed: out of ink"), 100);
    assert_eq!(lines("restarting in 0.01 s"), 100);
    assert!(lines("[failing] is running again") >= 99);
}

pub fn clients_of_a_listener_that_is_restarted_again_and_again_wait() {
    let sandbox = Sandbox::new();
    let poem = sandbox.write_poem("poem", 3003);
    let restarting =
        "[services.restarting]\nkind = \"restarting\"\nservice = \"fast\"\ntimes = 100\n";
    let daemon = start(&sandbox, &format!("{SERVER}{restarting}"));
    let address = daemon.address("fast");
    fetch_until(&daemon, address, &poem, "enough restarts");
    assert!(fetch(address).unwrap() == poem);
    let log = daemon.stop();
    let opened = log.iter().filter(|line| line.contains(&format!("listening on {address}")));
    assert_eq!(opened.count(), 101);
}

pub fn each_failure_and_each_restart_is_a_line_of_the_log() {
    let sandbox = Sandbox::new();
    let daemon = start(
        &sandbox,
        "[services.a]\nkind = \"failing\"\ntimes = 2\nrestart = \"on-failure\"\nrestart-delay = 0.02\n",
    );
    daemon.wait_for("restarting in 0.04 s (failure 2)");
    let log = daemon.stop();
    let of_a: Vec<&str> =
        log.iter().filter_map(|line| Some(line.split_once("[a] ")?.1)).take(6).collect();
    let expected = [
        "error: service a failed: out of ink for the 1. time; restarting in 0.02 s (failure 1)",
        "stopped",
        "is running again",
        "error: service a failed: out of ink for the 2. time; restarting in 0.04 s (failure 2)",
        "stopped",
    ];
    assert_eq!(of_a[..5], expected, "{log:#?}");
}

pub fn beyond_the_limit_the_group_is_restarted_and_beyond_its_own_the_daemon_ends() {
    let sandbox = Sandbox::new();
    let keys = "restart = \"on-failure\"\nrestart-delay = 0.01\nrestart-limit = 1\n";
    let output = run(grove(
        &sandbox,
        &format!(
            "[services.night]\nkind = \"group\"\n{keys}\
             [services.night.services.a]\nkind = \"failing\"\ntimes = 1000\n{keys}"
        ),
    ));
    assert_eq!(output.status.code(), Some(1));
    let log = stdout(&output);
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    // Twice, a restart of its own; then one of the group, after which its own limit has been reached already.
    assert_eq!(
        lines(
            "[night.a] error: service night.a failed: out of ink for the 1. time; restarting in 0.01 s"
        ),
        1,
        "{log}"
    );
    assert_eq!(
        lines(
            "[night] error: service night.a failed: out of ink for the 2. time; restarting in 0.01 s"
        ),
        1,
        "{log}"
    );
    assert_eq!(lines("out of ink for the 3. time; shutting down"), 1, "{log}");
    assert_eq!(lines("not restarted again"), 3, "{log}");
}
