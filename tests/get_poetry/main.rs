//! `get-poetry`, the client: against servers in every state, in all its ways of waiting.

#[path = "../support/names.rs"]
mod names;
#[path = "../support/mod.rs"]
mod support;

mod combinations;
mod command_line;
mod files;
mod json;
mod named;
mod output;
mod retries;
mod servers;
mod terminal;
mod transform;
mod waiting;

use std::process::{Command, Output, Stdio};
use support::{ECSTASY, Sandbox, command, run, stderr, until};

/// The client, with the words of a command line. A file name in it is in single quotes.
fn client(words: &str) -> Command {
    let mut client = command(env!("CARGO_BIN_EXE_get-poetry"));
    for (number, part) in words.split('\'').enumerate() {
        match number % 2 {
            0 => client.args(part.split_whitespace()),
            _ => client.arg(part),
        };
    }
    client
}

/// Runs the client to its end.
fn get(words: &str) -> Output {
    run(client(words))
}

#[track_caller]
fn assert_status(output: &Output, status: i32) {
    assert_eq!(output.status.code(), Some(status), "{}", stderr(output));
}

#[track_caller]
fn assert_poems(output: &Output, poems: &[&[u8]]) {
    let (expected, printed) = (poems.concat(), &output.stdout);
    let show = String::from_utf8_lossy;
    assert!(*printed == expected, "{:?} instead of {:?}", show(printed), show(&expected));
}

#[test]
fn a_daemon_gives_its_poem() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let address = daemon.address("fast");
    let output = get(&format!("{address} {address}"));
    assert_poems(&output, &[ECSTASY, ECSTASY]);
    assert_status(&output, 0);
    // The client closes in order, too.
    let log = daemon.stop().join("\n");
    assert_eq!(log.matches("sending 3003 bytes of poetry").count(), 2, "{log}");
    assert!(!log.contains("reset"), "{log}");
}

#[test]
fn a_stopped_daemon_is_a_failure_until_it_is_back() {
    let sandbox = Sandbox::new();
    // An address that no other test listens on: while the daemon is stopped, the port is free for everybody.
    let file = sandbox.read("fast.toml").replace("127.0.0.1", "127.0.67.1");
    sandbox.write("fast.toml", &file);
    let daemon = sandbox.foreground();
    let address = daemon.address("fast");
    daemon.stop();
    let output = get(&address.to_string());
    assert_poems(&output, &[]);
    assert_status(&output, 1);
    let port = format!("port = {}", address.port());
    sandbox.write("fast.toml", &sandbox.read("fast.toml").replace("port = 0", &port));
    let mut waiting =
        client(&format!("--quiet --retries 20 {address}")).stdout(Stdio::piped()).spawn().unwrap();
    let _daemon = sandbox.foreground();
    until("the poem", || waiting.try_wait().unwrap().is_some());
    let output = waiting.wait_with_output().unwrap();
    assert_poems(&output, &[ECSTASY]);
    assert_status(&output, 0);
}
