//! Reloads that replace a service of which there can't be two at a time.

use crate::grove::grove;
use crate::support::manager::Manager;
use crate::support::{LIMIT, Sandbox, until};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

const WRITERS: usize = 32;

/// What became of the writes.
#[derive(Default)]
pub struct Tally {
    acknowledged: AtomicUsize,
    /// How often writers connected: each does so again when a reload has closed its connection.
    connections: AtomicUsize,
    is_over: AtomicBool,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (acknowledged, connections) =
            (self.acknowledged.load(SeqCst), self.connections.load(SeqCst));
        write!(
            f,
            "{acknowledged} writes acknowledged, and all of them there, over {connections} connections"
        )
    }
}

impl Tally {
    /// Stores one value after the other. When the connection ends, connects again. Returns the keys of the values
    /// that were acknowledged.
    fn write(&self, address: SocketAddr, writer: usize) -> Vec<String> {
        let mut keys = Vec::new();
        while !self.is_over.load(SeqCst) {
            let stream = TcpStream::connect(address).expect("nobody is refused");
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            self.connections.fetch_add(1, SeqCst);
            self.write_until_the_end(stream, writer, &mut keys);
        }
        keys
    }

    fn write_until_the_end(&self, mut stream: TcpStream, writer: usize, keys: &mut Vec<String>) {
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        while !self.is_over.load(SeqCst) {
            let key = format!("{writer}-{}", keys.len());
            let mut answer = String::new();
            let asked = stream.write_all(format!("{key} value-of-{key}\n").as_bytes());
            if asked.is_err() || answers.read_line(&mut answer).is_err() || !answer.ends_with('\n')
            {
                return;
            }
            assert_eq!(answer, format!("stored {key}\n"));
            keys.push(key);
            self.acknowledged.fetch_add(1, SeqCst);
        }
    }
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

fn application(generation: usize) -> String {
    format!(
        "[daemon]\nstop-timeout = 60\n\
         [services.store]\nkind = \"store\"\nfile = \"saved\"\ngeneration = {generation}\n\
         [services.set]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 0\nprotocol = \"set\"\nstore = \"store\"\n"
    )
}

/// Replaces the store `reloads` times while it is written to. Every write that was acknowledged must be there.
pub fn every_acknowledged_write_is_there(reloads: usize) -> Tally {
    let sandbox = Sandbox::new();
    let (manager, daemon) = Manager::start(&sandbox, grove(&sandbox, &application(0)));
    let (address, tally) = (daemon.address("set"), Tally::default());
    let acknowledged: Vec<String> = thread::scope(|scope| {
        let (daemon, tally) = (&daemon, &tally);
        let writers: Vec<_> =
            (0..WRITERS).map(|n| scope.spawn(move || tally.write(address, n))).collect();
        let over = Over(&tally.is_over); // even if a reload fails
        for generation in 1..=reloads {
            let before = tally.acknowledged.load(SeqCst);
            sandbox.write("grove.toml", &application(generation));
            let verdict = manager.reload(daemon);
            assert!(verdict.starts_with("reloaded: 0 kept, 0 updated, 2 replaced, "), "{verdict}");
            until("more writes", || tally.acknowledged.load(SeqCst) > before);
        }
        drop(over);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    daemon.stop();
    let saved = sandbox.read("saved");
    let saved: BTreeMap<&str, &str> =
        saved.lines().filter_map(|line| line.split_once(' ')).collect();
    let is_lost = |key: &&String| saved.get(&***key) != Some(&&*format!("value-of-{key}"));
    let lost: Vec<&String> = acknowledged.iter().filter(is_lost).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
    assert!(tally.connections.load(SeqCst) > WRITERS, "no connection was closed");
    tally
}

pub fn a_store_that_is_replaced_has_every_acknowledged_write_and_refuses_nobody() {
    every_acknowledged_write_is_there(5);
}
