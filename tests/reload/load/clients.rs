//! Clients that fetch a poem again and again.

use super::texts::number_of_short_text;
use crate::support::LIMIT;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Where a client connects.
#[derive(Clone, Debug)]
pub enum Target {
    Tcp(SocketAddr),
    Unix(PathBuf),
    /// A listener that is added and removed. When it is not there, the client is refused.
    Sometimes(SocketAddr),
}

/// What has become of the clients.
#[derive(Default)]
pub struct Tally {
    pub whole: AtomicUsize,
    /// Those that were refused because their listener is not there now.
    pub absent: AtomicUsize,
    /// Those that connected when their listener was being closed for good, and were never accepted.
    pub too_late: AtomicUsize,
    /// Everything that should not happen: how often, and the first time.
    lost: Mutex<BTreeMap<String, (usize, String)>>,
    is_over: AtomicBool,
    /// The number of the text that a daemon serves at least, since a reload has ended.
    pub confirmed: AtomicUsize,
    /// The number of the latest text.
    pub written: AtomicUsize,
}

impl Tally {
    /// Lets clients fetch, one after the other from their targets, until `work` is done.
    pub fn during(&self, clients: usize, targets: &[Target], work: impl FnOnce()) {
        self.is_over.store(false, SeqCst);
        thread::scope(|scope| {
            for target in targets.iter().cycle().take(clients) {
                scope.spawn(|| {
                    while !self.is_over.load(SeqCst) {
                        self.fetch_once(target);
                    }
                });
            }
            let _over = Over(&self.is_over); // even if the work panics
            work();
        });
    }

    fn fetch_once(&self, target: &Target) {
        let at_least = self.confirmed.load(SeqCst);
        let mut received = Vec::new();
        let (what, details) = match fetch(target, &mut received) {
            Ok(()) => {
                let allowed = at_least..=self.written.load(SeqCst);
                match number_of_short_text(&received) {
                    Some(number) if allowed.contains(&number) => {
                        self.whole.fetch_add(1, SeqCst);
                        return;
                    }
                    Some(number) => ("another text", format!("{number}, not {allowed:?}")),
                    None => ("short", format!("{} bytes", received.len())),
                }
            }
            Err(e) => match (target, e.kind()) {
                (Target::Sometimes(_), ErrorKind::ConnectionRefused) => {
                    self.absent.fetch_add(1, SeqCst);
                    return;
                }
                (Target::Sometimes(_), ErrorKind::ConnectionReset) if received.is_empty() => {
                    self.too_late.fetch_add(1, SeqCst);
                    return;
                }
                (_, ErrorKind::ConnectionRefused) => ("refused", e.to_string()),
                _ => ("reset", format!("{e}, after {} bytes", received.len())),
            },
        };
        let mut lost = self.lost.lock().unwrap();
        let details = format!("{target:?}: {details}");
        lost.entry(what.into()).or_insert((0, details)).0 += 1;
    }

    /// # Panics
    /// If any client was refused, reset, or did not get what was to be expected.
    pub fn assert_nothing_is_lost(&self) {
        let lost = self.lost.lock().unwrap().clone();
        assert!(lost.is_empty(), "{lost:#?}\n{self}");
        assert_ne!(self.whole.load(SeqCst), 0, "no client has received anything");
    }

    /// # Panics
    /// If more clients than a listener was closed for good met that very moment. One whose connection is being
    /// established between the last accept and the close is reset by the kernel.
    pub fn assert_few_are_too_late(&self, closed: usize) {
        assert!(self.too_late.load(SeqCst) <= closed, "{self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, absent) = (self.whole.load(SeqCst), self.absent.load(SeqCst));
        let lost: usize = self.lost.lock().unwrap().values().map(|(count, _)| count).sum();
        write!(f, "{whole} poems whole, {lost} refused, reset, short or of another text")?;
        let too_late = self.too_late.load(SeqCst);
        write!(
            f,
            "; of the listener that is not always there, {absent} were refused, {too_late} reset"
        )
    }
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Receives a poem, or a part of it.
fn fetch(target: &Target, received: &mut Vec<u8>) -> io::Result<()> {
    match target {
        Target::Tcp(address) | Target::Sometimes(address) => {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(LIMIT))?;
            stream.read_to_end(received)?;
        }
        Target::Unix(path) => {
            let mut stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(LIMIT))?;
            stream.read_to_end(received)?;
        }
    }
    Ok(())
}
