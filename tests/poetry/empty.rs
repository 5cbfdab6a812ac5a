//! A poem of no bytes.

use crate::gets;
use crate::support::{Sandbox, connect};

#[test]
fn an_empty_poem_is_served_with_a_warning_at_the_start() {
    let sandbox = Sandbox::new();
    sandbox.write("poetry/ecstasy.txt", "");
    let daemon = sandbox.foreground();
    gets(&mut connect(daemon.address("fast")), b"");
    let log = daemon.stop();
    let warnings: Vec<&String> = log.iter().filter(|line| line.contains("warning:")).collect();
    assert_eq!(warnings.len(), 1, "{log:?}");
    let expected =
        "[ecstasy] warning: the poem poetry/ecstasy.txt is empty: clients will get nothing";
    assert!(warnings[0].ends_with(expected), "{}", warnings[0]);
}

#[test]
fn a_poem_of_one_byte_is_served_without_a_warning() {
    let sandbox = Sandbox::new();
    sandbox.write("poetry/ecstasy.txt", "x");
    let daemon = sandbox.foreground();
    gets(&mut connect(daemon.address("fast")), b"x");
    let log = daemon.stop().join("\n");
    assert!(!log.contains("warning:"), "{log}");
}
