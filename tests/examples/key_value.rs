//! The key-value daemon: nothing that it has acknowledged is lost, and little of it is ceremony.

use crate::support::Foreground;
use crate::{LineClient, Stage};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const EXAMPLE: &str = "14_key_value";

const AS_PLUGIN: [&str; 5] = ["values", "--port", "0", "--file", "values.txt"];

fn client(daemon: &Foreground, service: &str) -> LineClient {
    LineClient::connect(daemon.address(service))
}

#[test]
fn values_are_there_again_after_a_restart_whether_as_a_plugin_or_as_a_kind() {
    let stage = Stage::new();
    let daemon = stage.start(EXAMPLE, &AS_PLUGIN);
    let mut one = client(&daemon, "values.server");
    assert_eq!(one.ask("GET tea").unwrap(), "NONE");
    assert_eq!(one.ask("SET tea very hot").unwrap(), "STORED");
    assert_eq!(client(&daemon, "values.server").ask("GET tea").unwrap(), "VALUE very hot");
    assert_eq!(one.ask("BREW tea").unwrap(), "ERROR expected SET KEY VALUE or GET KEY");
    drop(one);
    daemon.stop();
    let file = "[services.keys]\nkind = \"values\"\nport = 0\nfile = \"values.txt\"\n";
    stage.sandbox.write("keys.toml", file);
    let daemon = stage.start(EXAMPLE, &["keys.toml"]);
    assert_eq!(client(&daemon, "keys.server").ask("GET tea").unwrap(), "VALUE very hot");
    daemon.stop();
}

/// Sets values until the connection ends, some at a time. Returns those that were acknowledged.
fn set_until_the_end(address: SocketAddr, name: usize, acknowledged: &AtomicUsize) -> usize {
    let mut client = LineClient::connect(address);
    let at_a_time = 1 + name % 3 * 10;
    let mut stored = 0;
    for round in 0.. {
        let numbers = round * at_a_time..(round + 1) * at_a_time;
        let requests: String =
            numbers.map(|number| format!("SET {name}-{number} {number}\n")).collect();
        if client.0.get_mut().write_all(requests.as_bytes()).is_err() {
            break;
        }
        for _ in 0..at_a_time {
            match client.answer() {
                Some(answer) => assert_eq!(answer, "STORED"),
                None => return stored,
            }
            stored += 1;
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
    stored
}

#[test]
fn nothing_that_was_acknowledged_is_lost_by_a_stop_under_load() {
    let stage = Stage::new();
    let daemon = stage.start(EXAMPLE, &AS_PLUGIN);
    let (address, acknowledged) = (daemon.address("values.server"), AtomicUsize::new(0));
    let stored: Vec<usize> = thread::scope(|scope| {
        let client = |name| {
            let acknowledged = &acknowledged;
            scope.spawn(move || set_until_the_end(address, name, acknowledged))
        };
        let clients: Vec<_> = (0..32).map(client).collect();
        crate::support::until("much is stored", || acknowledged.load(Ordering::Relaxed) > 5000);
        daemon.stop();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let file = stage.sandbox.read("values.txt");
    let saved: BTreeMap<&str, &str> =
        file.lines().map(|line| line.split_once(' ').unwrap()).collect();
    for (name, stored) in stored.into_iter().enumerate() {
        for number in 0..stored {
            let saved = saved.get(&*format!("{name}-{number}"));
            assert_eq!(saved, Some(&&*number.to_string()), "{name}-{number} was acknowledged");
        }
    }
}

/// The lines of the example's own options, which stand among those that make it a daemon.
const OWN_OPTIONS: [&str; 2] = ["#[arg(long, value_name = \"FILE\")]", "file: std::path::PathBuf,"];

#[test]
fn at_most_30_lines_of_it_are_not_its_own_logic() {
    let source = include_str!("../../examples/14_key_value.rs");
    let (daemon, _) = source.split_once("\n// Everything above makes it a daemon").unwrap();
    let lines = daemon.lines().map(str::trim);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    let ceremony: Vec<&str> = code.filter(|line| !OWN_OPTIONS.contains(line)).collect();
    assert!(ceremony.len() <= 30, "{} lines: {ceremony:#?}", ceremony.len());
}
