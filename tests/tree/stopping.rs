//! Stops while the tree is busy.

use crate::grove::start;
use crate::support::{Sandbox, connect, until};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Stores one value after the other until the server ends the connection. Returns those that it has acknowledged.
fn write_until_the_end(
    address: SocketAddr,
    client: usize,
    acknowledged: &AtomicUsize,
) -> Vec<String> {
    let mut stream = connect(address);
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut keys = Vec::new();
    loop {
        let key = format!("{client}-{}", keys.len());
        let mut answer = String::new();
        let asked = stream.write_all(format!("{key} value-of-{key}\n").as_bytes());
        if asked.is_err() || answers.read_line(&mut answer).is_err() || !answer.ends_with('\n') {
            return keys;
        }
        assert_eq!(answer, format!("stored {key}\n"));
        keys.push(key);
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

pub fn every_acknowledged_write_is_in_the_file_after_a_stop_under_load() {
    let sandbox = Sandbox::new();
    // The one that saves comes last in the file: in the order of the file it would stop first.
    let daemon = start(
        &sandbox,
        "[daemon]\nstop-timeout = 60\n\
         [services.set]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\nprotocol = \"set\"\nstore = \"store\"\n\
         [services.store]\nkind = \"store\"\nfile = \"saved\"\n",
    );
    let (address, count) = (daemon.address("set"), AtomicUsize::new(0));
    let acknowledged: Vec<String> = thread::scope(|scope| {
        let count = &count;
        let clients: Vec<_> =
            (0..32).map(|n| scope.spawn(move || write_until_the_end(address, n, count))).collect();
        until("1000 writes", || count.load(Ordering::Relaxed) >= 1000);
        daemon.signal(Signal::SIGTERM);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let (status, log) = daemon.wait();
    assert!(status.success(), "{log:#?}");
    let saved = sandbox.read("saved");
    let saved: BTreeMap<&str, &str> =
        saved.lines().filter_map(|line| line.split_once(' ')).collect();
    let lost: Vec<&String> = acknowledged
        .iter()
        .filter(|key| saved.get(&***key) != Some(&&*format!("value-of-{key}")))
        .collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
}

pub fn while_a_worker_is_blocked_states_are_read_and_a_stop_is_honoured() {
    let sandbox = Sandbox::new();
    let daemon = start(
        &sandbox,
        "[daemon]\nworkers = 1\nstop-timeout = 0.1\n\
         [services.other]\nkind = \"failing\"\ntimes = 0\n\
         [services.blocking]\nkind = \"blocking\"\nseconds = 10\n",
    );
    until("the states to be written", || sandbox.path("states").exists());
    assert_eq!(sandbox.read("states"), "other running \nblocking running blocks now\n");
    daemon.signal(Signal::SIGTERM);
    let (status, log) = daemon.wait();
    assert_eq!(status.code(), Some(1), "{log:#?}");
    let stuck = log.iter().any(|line| line.contains("they block their threads"));
    assert!(stuck, "it must not end by itself: {log:#?}");
}
