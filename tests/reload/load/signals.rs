//! SIGHUP at random moments, under load.

use super::clients::{Tally, Target};
use super::daemon::{Daemon, TABLES, own_address};
use super::texts::short_text;
use crate::support::manager::{Manager, microseconds};
use crate::support::{Sandbox, fetch};
use nix::sys::signal::Signal;
use std::fs;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::thread::{scope, sleep};
use std::time::Duration;

const CLIENTS: usize = 16;

/// How many signals there are before memory is measured for the first time: as many as it takes until the daemon has
/// allocated what it keeps.
pub const WARM_UP: usize = 100;

/// How much the daemon's memory may grow from then on, in kB.
const MOST_GROWTH: u64 = 3 * 1024;

/// How many reloads there were, and what the daemon held after the warm-up and at the end: memory in kB, and
/// descriptors.
#[derive(Debug, Default)]
pub struct Figures {
    pub reloads: usize,
    pub before: (u64, usize),
    pub after: (u64, usize),
}

/// The same applications again and again: the text changes each time, the listeners sometimes.
struct Applications {
    address: SocketAddr,
    random: Random,
}

impl Applications {
    fn next(&mut self) -> String {
        let (interface, port) = (self.address.ip(), self.address.port());
        let listener = |name: &str, port: u16, more: String| {
            format!(
                "[services.{name}]\nkind = \"tcp\"\ninterface = \"{interface}\"\nport = {port}\n\
                 protocol = \"fast\"\npoem = \"poem\"\n{more}"
            )
        };
        let replaced = format!("max-connections = {}\n", 20_000 + self.random.below(4));
        let has_extra = self.random.below(2) == 0;
        let extra = has_extra.then(|| listener("extra", port + 1, String::new()));
        let extra = extra.unwrap_or_default();
        format!(
            "{TABLES}[services.poem]\nkind = \"poem\"\nfile = \"poetry/poem.txt\"\n{}{extra}",
            listener("fast", port, replaced)
        )
    }
}

/// SplitMix64: the same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// After a warm-up, sends `signals` signals in about that time. After the last one, a reload that began after it has
/// to end, and the daemon must not hold more than after the warm-up.
pub fn after_the_last_signal_there_is_a_reload(signals: usize, time: Duration) -> (Tally, Figures) {
    let sandbox = Sandbox::new();
    let address = SocketAddr::from(own_address());
    let mut applications = Applications { address, random: Random(20_261_129) };
    fs::write(sandbox.path("poetry/poem.txt"), short_text(0)).unwrap();
    let daemon = Daemon::start(sandbox, &applications.next());
    let extra = SocketAddr::new(address.ip(), address.port() + 1);
    let targets = [Target::Tcp(address), Target::Tcp(address), Target::Sometimes(extra)];
    let (tally, mut figures) = (Tally::default(), Figures::default());
    tally.written.store(usize::MAX, SeqCst); // any text
    let pause = time / u32::try_from(signals).unwrap();
    let mut send = |numbers: Range<usize>, pause| {
        let last = numbers.end - 1;
        tally.during(CLIENTS, &targets, || {
            figures.reloads += send_signals(&daemon, &mut applications, numbers, pause);
            assert!(fetch(address).unwrap() == short_text(last), "not the last text");
        });
        (daemon.resident(), daemon.settled_descriptors())
    };
    figures.before = send(1..WARM_UP, pause / 4);
    figures.after = send(WARM_UP..WARM_UP + signals, pause);
    tally.assert_nothing_is_lost();
    tally.assert_few_are_too_late(figures.reloads / 4);
    assert!(figures.after.0 <= figures.before.0 + MOST_GROWTH, "{figures:?}");
    assert!(figures.after.1 <= figures.before.1 + 1, "{figures:?}"); // the listener that is not always there
    daemon.stop();
    (tally, figures)
}

/// Sends a signal for each of these texts. Returns how many reloads there were, when one that began after the last
/// signal has ended.
fn send_signals(
    daemon: &Daemon,
    applications: &mut Applications,
    texts: Range<usize>,
    pause: Duration,
) -> usize {
    let Daemon { sandbox, manager, process } = daemon;
    let (last, last_signal) = (texts.end - 1, AtomicI64::new(i64::MAX));
    let pause = u64::try_from(2 * pause.as_micros()).unwrap();
    scope(|scope| {
        let reloads = scope.spawn(|| count_reloads(manager, &last_signal));
        for number in texts {
            sandbox.write("new.txt", std::str::from_utf8(&short_text(number)).unwrap());
            fs::rename(sandbox.path("new.txt"), sandbox.path("poetry/poem.txt")).unwrap();
            sandbox.write("new.toml", &applications.next());
            fs::rename(sandbox.path("new.toml"), sandbox.path("load.toml")).unwrap();
            if number == last {
                last_signal.store(microseconds(), SeqCst);
            }
            process.signal(Signal::SIGHUP);
            sleep(Duration::from_micros(applications.random.below(pause)));
        }
        reloads.join().unwrap()
    })
}

/// Waits for the end of a reload that began after the last signal. Returns how many have ended.
fn count_reloads(manager: &Manager, last_signal: &AtomicI64) -> usize {
    for number in 1.. {
        let began = manager.next();
        let time = began.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
        let time = time.and_then(|rest| rest.lines().next()?.parse::<i64>().ok());
        let ended = manager.next();
        assert!(ended.starts_with("READY=1\nSTATUS=serving; reloaded: "), "{began}{ended}");
        if time.unwrap_or_else(|| panic!("{began}")) >= last_signal.load(SeqCst) {
            return number;
        }
    }
    unreachable!("there is no last number")
}
