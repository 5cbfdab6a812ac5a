//! The campaign: clients in many threads, and what happens to the daemon meanwhile.

use crate::arena::processes::{LIMIT, until};
use crate::client::{self, Outcome, play};
use crate::daemon::{Daemon, Place};
use crate::kind::{KINDS, Kind, Random};
use crate::lines::{self, Lines};
use crate::tally::Tally;
use nix::sys::signal::Signal;
use std::fs;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

const THREADS: usize = 32;

/// How often something happens to the daemon.
const EVENTS: usize = 100;

/// After this many clients that waited in vain, no more are started: they would wait in vain, too.
const MOST_TIME_OUTS: usize = 100;

/// How much memory may grow, in kB.
const MOST_GROWTH: u64 = 32 * 1024;

/// A client that has finished.
struct Record {
    number: usize,
    kind: Kind,
    outcome: Outcome,
    /// Whether the daemon was killed meanwhile.
    is_touched: bool,
}

/// What the clients and the thread that controls the daemon share.
struct Field<'a> {
    place: &'a Place,
    clients: usize,
    seed: u64,
    started: AtomicUsize,
    /// Odd while the daemon is being killed.
    kills: AtomicUsize,
    /// Held by clients for which the daemon connects to itself. A restart waits for them.
    comes_back: RwLock<()>,
    time_outs: AtomicUsize,
    has_failed: AtomicBool,
}

#[derive(Default)]
struct Done {
    rotations: usize,
    other_signals: usize,
    restarts: usize,
    kills: usize,
    bad_statuses: usize,
}

pub fn run(clients: usize, seed: u64, tally: &mut Tally) {
    let place = Place::new();
    let mut daemon = place.start(place.command(&[]));
    warm_up(&place, clients);
    let rest = (daemon.descriptors(), daemon.resident());
    let field = Field {
        place: &place,
        clients,
        seed,
        started: AtomicUsize::new(0),
        kills: AtomicUsize::new(0),
        comes_back: RwLock::new(()),
        time_outs: AtomicUsize::new(0),
        has_failed: AtomicBool::new(false),
    };
    let mut done = Done::default();
    let records: Vec<Record> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| field.clients())).collect();
        field.disturb(&mut daemon, &mut done);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    tally_growth(&daemon, rest, tally);
    done.bad_statuses += usize::from(daemon.end(Signal::SIGTERM) != Some(0));
    let log = lines::count(place.path("").as_path(), clients);
    tally_clients(&records, tally);
    tally_events(&done, &log, tally);
    tally_lines(&records, &log, tally);
    tally.lost("graceful stops with a status other than 0", done.bad_statuses);
    tally.lost("pid files left", usize::from(daemon.pid_file().exists()));
}

/// Runs a few clients of each kind, so that the daemon has allocated what it keeps. Their numbers are beyond
/// those that count.
fn warm_up(place: &Place, first: usize) {
    let mut random = Random(0);
    for (number, (kind, ..)) in KINDS.iter().cycle().take(10 * KINDS.len()).enumerate() {
        play(*kind, first + number, &mut random, &place.addresses);
    }
}

impl Field<'_> {
    /// Runs one client after another until there are none left.
    fn clients(&self) -> Vec<Record> {
        let mut records = Vec::new();
        loop {
            let number = self.started.fetch_add(1, SeqCst);
            if number >= self.clients || self.is_over() {
                return records;
            }
            let mut random = Random(self.seed ^ (number as u64) << 20);
            let kind = Kind::choose(&mut random);
            let _turn = kind.comes_back().then(|| self.comes_back.read().unwrap());
            let kills = self.kills.load(SeqCst);
            let outcome = play(kind, number, &mut random, &self.place.addresses);
            self.time_outs.fetch_add(usize::from(outcome == Outcome::TimedOut), SeqCst);
            let is_touched = kills % 2 == 1 || self.kills.load(SeqCst) != kills;
            records.push(Record { number, kind, outcome, is_touched });
        }
    }

    /// Does something to the daemon each time that this many clients have started. Restarts and kills happen
    /// half-way, so that one process serves the other half.
    fn disturb(&self, daemon: &mut Daemon, done: &mut Done) {
        let _stop = StopOnPanic(&self.has_failed);
        for event in 1..EVENTS {
            self.wait_for(event * self.clients / EVENTS, daemon);
            let is_first_half = event <= EVENTS / 2;
            match event % 5 {
                1 if is_first_half => self.restart(daemon, done),
                3 if is_first_half => self.kill(daemon, done),
                4 => {
                    daemon.signal(Signal::SIGHUP);
                    daemon.signal(Signal::SIGUSR2);
                    done.other_signals += 2;
                }
                _ => {
                    daemon.signal(Signal::SIGUSR1);
                    done.rotations += 1;
                }
            }
        }
        self.wait_for(self.clients, daemon);
    }

    fn is_over(&self) -> bool {
        self.has_failed.load(SeqCst) || self.time_outs.load(SeqCst) >= MOST_TIME_OUTS
    }

    /// Waits until this many clients have started.
    fn wait_for(&self, clients: usize, daemon: &Daemon) {
        while self.started.load(SeqCst) < clients && !self.is_over() {
            daemon.assert_running();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn restart(&self, daemon: &mut Daemon, done: &mut Done) {
        let _nobody_comes_back = self.comes_back.write().unwrap();
        done.restarts += 1;
        done.bad_statuses += usize::from(daemon.end(Signal::SIGTERM) != Some(0));
        *daemon = self.place.start(self.place.command(&[]));
    }

    /// Log lines of clients that were served before must have been written by then: a kill loses lines that
    /// wait to be written. So this waits for the line of a later client.
    fn kill(&self, daemon: &mut Daemon, done: &mut Done) {
        self.kills.fetch_add(1, SeqCst);
        done.kills += 1;
        let number = self.clients + 1000 + done.kills;
        play(Kind::Fetch, number, &mut Random(0), &self.place.addresses);
        let mark = format!("to {}:", client::address_of(number));
        until("a log line", || {
            let has_mark = |file| fs::read_to_string(file).is_ok_and(|text| text.contains(&mark));
            ["poetryd.log", "poetryd.log.1"].into_iter().any(|name| has_mark(self.place.path(name)))
        });
        daemon.end(Signal::SIGKILL);
        *daemon = self.place.start(self.place.command(&[]));
        self.kills.fetch_add(1, SeqCst);
    }
}

/// Lets the clients end if the thread that controls the daemon panics.
struct StopOnPanic<'a>(&'a AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        self.0.store(std::thread::panicking(), SeqCst);
    }
}

fn tally_clients(records: &[Record], tally: &mut Tally) {
    let count = |is: &dyn Fn(&Record) -> bool| records.iter().filter(|record| is(record)).count();
    for (kind, name, _) in KINDS {
        tally.sent(name, count(&|r| r.kind == kind));
    }
    tally.sent("clients in progress while the daemon was killed", count(&|r| r.is_touched));
    tally.sent("of these, cut", count(&|r| r.is_touched && r.outcome != Outcome::Fine));
    let is_empty = |r: &Record| r.is_touched && r.outcome == Outcome::Empty;
    tally.sent("of these, with a normal end without a byte", count(&is_empty));
    let outcomes = [
        (Outcome::Short, "short, with a normal end"),
        (Outcome::Empty, "without a byte, with a normal end"),
        (Outcome::Wrong, "wrong bytes"),
        (Outcome::Refused, "refused"),
        (Outcome::TimedOut, "timed out"),
        (Outcome::Reset, "unexpected resets"),
        (Outcome::Failed, "other failures"),
    ];
    for (outcome, name) in outcomes {
        let lost = |r: &&Record| r.outcome == outcome && !is_excused(r);
        for r in records.iter().filter(lost).take(5) {
            let during = if r.is_touched { ", during a kill" } else { "" };
            eprintln!("{name}: {:?} from {}{during}", r.kind, client::address_of(r.number));
        }
        tally.lost(name, records.iter().filter(lost).count());
    }
}

/// Whether a kill explains it: a reset or, on a Unix socket, which has no resets, an early end. Also an end
/// without a byte: on an inherited socket, a kill may come between accept(2) and the SO_LINGER that makes it
/// a reset; and a proxy whose fetch was cut closes in that way.
fn is_excused(record: &Record) -> bool {
    let is_cut = match record.outcome {
        Outcome::Reset | Outcome::Empty => true,
        Outcome::Short => record.kind == Kind::Unix,
        _ => false,
    };
    record.is_touched && is_cut
}

fn tally_events(done: &Done, log: &Lines, tally: &mut Tally) {
    tally.sent("SIGUSR1", done.rotations);
    tally.sent("SIGHUP and SIGUSR2", done.other_signals);
    tally.sent("graceful restarts", done.restarts);
    tally.sent("kills", done.kills);
    tally.sent("log files", log.files);
    tally.sent("log lines", log.total);
}

fn tally_lines(records: &[Record], log: &Lines, tally: &mut Tally) {
    let logged = || {
        let counts =
            |r: &&Record| r.kind.is_logged() && r.outcome == Outcome::Fine && !r.is_touched;
        records.iter().filter(counts).map(|record| log.of_clients[record.number])
    };
    tally.sent("clients whose log line was looked for", logged().count());
    tally.lost("log lines missing", logged().filter(|lines| *lines == 0).count());
    tally.lost("log lines doubled", logged().filter(|lines| *lines > 1).count());
    tally.lost("log lines that the daemon reports as lost", log.reported_lost);
    tally.lost("panics", log.panics);
}

/// Waits until the last connections have been closed.
fn tally_growth(daemon: &Daemon, (descriptors, resident): (usize, u64), tally: &mut Tally) {
    let deadline = Instant::now() + LIMIT;
    while daemon.descriptors() > descriptors && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let now = daemon.resident();
    tally.note(format!("VmRSS: {resident} kB before, {now} kB after"));
    tally.lost("descriptors", daemon.descriptors().saturating_sub(descriptors));
    let excess = now.saturating_sub(resident + MOST_GROWTH);
    tally.lost("memory beyond 32 MB of growth, kB", usize::try_from(excess).unwrap());
}
