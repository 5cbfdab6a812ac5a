//! Many clients at a time, each of which is counted.

use crate::machine::Machine;
use crate::support::network::in_network_of;
use crate::support::{ECSTASY, LIMIT};
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

pub const CLIENTS: usize = 64;

/// What became of the fetches of many clients.
#[derive(Default, Debug)]
pub struct Tally {
    whole: AtomicUsize,
    refused: AtomicUsize,
    reset: AtomicUsize,
    short: AtomicUsize,
    timed_out: AtomicUsize,
    failed: AtomicUsize,
}

impl Tally {
    fn add(&self, fetched: io::Result<Vec<u8>>) {
        let count = match fetched {
            Ok(poem) if poem == ECSTASY => &self.whole,
            Ok(_) => &self.short,
            Err(e) => match e.kind() {
                io::ErrorKind::ConnectionRefused => &self.refused,
                io::ErrorKind::ConnectionReset => &self.reset,
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => &self.timed_out,
                _ => &self.failed,
            },
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub fn whole(&self) -> usize {
        self.whole.load(Ordering::Relaxed)
    }

    pub fn reset(&self) -> usize {
        self.reset.load(Ordering::Relaxed)
    }

    /// All that have not got the whole poem.
    pub fn lost(&self) -> usize {
        let lost = [&self.refused, &self.reset, &self.short, &self.timed_out, &self.failed];
        lost.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    pub fn assert_nothing_lost(&self) {
        assert_eq!(self.lost(), 0, "{self:?}");
    }
}

fn fetch(address: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut poem = Vec::new();
    stream.read_to_end(&mut poem)?;
    Ok(poem)
}

/// Does `work` while clients fetch the poem from a port of the machine's, one fetch after the other.
pub fn under_load(machine: &Machine, port: u16, work: impl FnOnce(&Tally)) -> Tally {
    let (tally, done) = (Tally::default(), AtomicBool::new(false));
    let fetch_until_done = || {
        while !done.load(Ordering::Relaxed) {
            tally.add(fetch(SocketAddr::from(([127, 0, 0, 1], port))));
        }
    };
    thread::scope(|scope| {
        let clients = scope.spawn(|| {
            in_network_of(machine.init(), || {
                thread::scope(|scope| {
                    (0..CLIENTS).for_each(|_| _ = scope.spawn(fetch_until_done));
                });
            });
        });
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&tally)));
        done.store(true, Ordering::Relaxed);
        clients.join().unwrap();
        worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    tally
}
