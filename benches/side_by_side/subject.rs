//! A contender whose daemon runs during the whole measurement, and its processor time.

use crate::arena::contenders::{Contender, POEM};
use crate::arena::processes::Daemon;
use crate::load::{Load, Seen};
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What the log line of a poem contains, for all contenders.
const LOGGED: &[u8] = b" bytes of poetry to ";

/// How long it may take until all lines are in the log.
const LOG_LIMIT: Duration = Duration::from_secs(5);

pub struct Subject {
    contender: Contender,
    daemon: Daemon,
    /// The first of its log files; `None` for one that does not log.
    log: Option<&'static str>,
    load: Load,
    /// At the end of its last round.
    cpu_time: Duration,
    fetched: usize,
}

/// What one contender did in one round.
pub struct Served {
    pub poems: usize,
    /// The processor time of all threads and processes of the server, including what it did since its last
    /// round: it may have written a part of its log only then.
    pub server: Duration,
    pub clients: Seen,
}

impl Served {
    /// Of the server's processor time.
    pub fn nanoseconds_per_poem(&self) -> f64 {
        self.server.as_nanos() as f64 / self.poems as f64
    }

    /// Of the processor time of the server and of the clients.
    pub fn nanoseconds_of_both(&self) -> f64 {
        (self.server + self.clients.cpu).as_nanos() as f64 / self.poems as f64
    }

    /// In milliseconds: so many of a thousand poems were not slower.
    pub fn latency(&self, of_a_thousand: usize) -> f64 {
        let all = &self.clients.latencies;
        let rank = (all.len() * of_a_thousand).div_ceil(1000).max(1);
        all[rank - 1].as_secs_f64() * 1e3
    }
}

impl Subject {
    pub fn launch(contender: Contender, log: Option<&'static str>, load: Load) -> Self {
        let (daemon, _) = contender.launch();
        daemon.until_it_serves(POEM);
        let cpu_time = daemon.settled_cpu_time();
        Self { contender, daemon, log, load, cpu_time, fetched: 1 }
    }

    pub fn name(&self) -> &'static str {
        self.daemon.name
    }

    pub fn serve(&mut self, deadline: Instant) -> Served {
        let poems = self.load.poems;
        let clients = self.load.fetch(&self.daemon, deadline);
        self.fetched += poems;
        let before = std::mem::replace(&mut self.cpu_time, self.daemon.settled_cpu_time());
        let spent = self.cpu_time.checked_sub(before);
        let server = spent.unwrap_or_else(|| panic!("{}: a thread has ended", self.name()));
        Served { poems, server, clients }
    }

    /// Stops it when its log has a line for each poem.
    pub fn stop(self) {
        if let Some(log) = self.log {
            self.await_lines(log);
        }
        self.daemon.stop();
    }

    fn await_lines(&self, log: &str) {
        let deadline = Instant::now() + LOG_LIMIT;
        while self.logged(log) < self.fetched && Instant::now() < deadline {
            sleep(Duration::from_millis(10));
        }
        assert_eq!(self.logged(log), self.fetched, "{}: lines in the log, poems", self.name());
    }

    /// How many lines about poems there are in all files of a log: FILE, FILE.1, FILE.2 and so on.
    fn logged(&self, log: &str) -> usize {
        let files = fs::read_dir(self.contender.path("")).unwrap().map(|entry| entry.unwrap());
        let logs = files.filter(|file| file.file_name().to_str().unwrap().starts_with(log));
        logs.map(|file| {
            let text = fs::read(file.path()).unwrap();
            let lines = text.split(|byte| *byte == b'\n');
            lines.filter(|line| line.windows(LOGGED.len()).any(|part| part == LOGGED)).count()
        })
        .sum()
    }
}
