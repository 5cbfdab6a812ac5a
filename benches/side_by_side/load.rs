//! The load: a fixed number of clients in one thread or several, each of which fetches a whole poem, checks
//! it, and starts again.

use crate::arena::processes::Daemon;
use crate::client::Client;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::time::{ClockId, clock_gettime};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How many events are taken from the kernel at once.
const EVENTS: usize = 256;

#[derive(Clone, Copy)]
pub struct Load {
    /// How many clients there are at any time.
    pub clients: usize,
    /// How many poems they fetch all together.
    pub poems: usize,
    /// How many threads the clients are divided among.
    pub threads: usize,
}

/// What the clients have seen.
pub struct Seen {
    /// Of the clients' threads.
    pub cpu: Duration,
    /// Poems per second while the number of clients was complete: neither when the first ones began, nor when
    /// the last ones ended.
    pub rate: f64,
    /// Of the poems that ended in that time, from before the connect until after the close, sorted.
    pub latencies: Vec<Duration>,
}

impl Load {
    /// # Panics
    /// If a poem is not complete and unchanged, or its connection not closed normally, or if it is `deadline`.
    pub fn fetch(self, daemon: &Daemon, deadline: Instant) -> Seen {
        assert!(self.poems > 2 * self.clients, "too few poems for {} clients", self.clients);
        let progress = Progress::new(self);
        let threads = self.threads.min(self.clients);
        let share = |n| self.clients / threads + usize::from(n < self.clients % threads);
        let seen: Vec<(Duration, Vec<Duration>)> = thread::scope(|scope| {
            let one = |n| {
                let loader = Loader::new(daemon, &progress, share(n));
                scope.spawn(move || loader.run(deadline))
            };
            let threads: Vec<_> = (0..threads).map(one).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let cpu = seen.iter().map(|(cpu, _)| *cpu).sum();
        let mut latencies: Vec<Duration> = seen.into_iter().flat_map(|(_, some)| some).collect();
        latencies.sort_unstable();
        let rate = latencies.len() as f64 / progress.time().as_secs_f64();
        Seen { cpu, rate, latencies }
    }
}

/// How far all threads have come together.
struct Progress {
    load: Load,
    begun: AtomicUsize,
    ended: AtomicUsize,
    /// When as many had ended as there are clients: since then, none of the first ones counts.
    start: OnceLock<Instant>,
    /// When the number of clients began to fall.
    end: OnceLock<Instant>,
}

impl Progress {
    fn new(load: Load) -> Self {
        let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { load, begun, ended, start: OnceLock::new(), end: OnceLock::new() }
    }

    /// The number of the next poem, if there is to be another one.
    fn begin(&self) -> Option<usize> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        (number < self.load.poems).then_some(number)
    }

    /// Counts a poem that has ended. Returns whether its latency counts.
    fn end(&self) -> bool {
        let number = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        let (first, last) = (self.load.clients, self.load.poems - self.load.clients);
        if number == first {
            let _ = self.start.set(Instant::now());
        } else if number == last {
            let _ = self.end.set(Instant::now());
        }
        (first + 1..=last).contains(&number)
    }

    fn time(&self) -> Duration {
        *self.end.get().unwrap() - *self.start.get().unwrap()
    }
}

/// The clients of one thread.
struct Loader<'a> {
    daemon: &'a Daemon,
    progress: &'a Progress,
    epoll: Epoll,
    clients: Vec<Option<Client>>,
    open: usize,
    latencies: Vec<Duration>,
}

impl<'a> Loader<'a> {
    fn new(daemon: &'a Daemon, progress: &'a Progress, clients: usize) -> Self {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let latencies = Vec::with_capacity(progress.load.poems);
        let clients = (0..clients).map(|_| None).collect();
        Self { daemon, progress, epoll, clients, open: 0, latencies }
    }

    /// Returns the processor time that it took, and the latencies.
    fn run(mut self, deadline: Instant) -> (Duration, Vec<Duration>) {
        let before = thread_time();
        (0..self.clients.len()).for_each(|slot| self.connect(slot));
        let mut events = [EpollEvent::empty(); EVENTS];
        while self.open > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{}: poems did not come in time", self.daemon.name);
            let timeout = EpollTimeout::try_from(left).unwrap();
            let ready = self.epoll.wait(&mut events, timeout).unwrap();
            for event in &events[..ready] {
                self.read(event.data() as usize);
            }
        }
        (thread_time() - before, self.latencies)
    }

    fn connect(&mut self, slot: usize) {
        let Some(number) = self.progress.begin() else { return };
        let client = Client::connect(self.daemon.name, self.daemon.address, number);
        let event = EpollEvent::new(EpollFlags::EPOLLIN, slot as u64);
        self.epoll.add(&client, event).unwrap();
        self.clients[slot] = Some(client);
        self.open += 1;
    }

    fn read(&mut self, slot: usize) {
        let client = self.clients[slot].as_mut().unwrap();
        if !client.reads_to_the_end(self.daemon.name) {
            return;
        }
        let took = self.clients[slot].take().unwrap().close();
        self.open -= 1;
        if self.progress.end() {
            self.latencies.push(took);
        }
        self.connect(slot);
    }
}

fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}
