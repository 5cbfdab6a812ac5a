//! A contender whose daemon runs during the whole measurement, and its processor time.

use crate::arena::contenders::{Contender, POEM};
use crate::arena::processes::Daemon;
use crate::load;
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
    /// At the end of its last round.
    cpu_time: Duration,
    fetched: usize,
}

impl Subject {
    pub fn launch(contender: Contender, log: Option<&'static str>) -> Self {
        let (daemon, _) = contender.launch();
        daemon.until_it_serves(POEM);
        let cpu_time = daemon.settled_cpu_time();
        Self { contender, daemon, log, cpu_time, fetched: 1 }
    }

    pub fn name(&self) -> &'static str {
        self.daemon.name
    }

    /// Fetches this many poems. Returns the nanoseconds of processor time that each has cost the server,
    /// including what it did since its last round: it may have written a part of its log only then.
    pub fn serve(&mut self, poems: usize, deadline: Instant) -> f64 {
        load::fetch(&self.daemon, poems, deadline);
        self.fetched += poems;
        let before = std::mem::replace(&mut self.cpu_time, self.daemon.settled_cpu_time());
        let spent = self.cpu_time.checked_sub(before);
        let spent = spent.unwrap_or_else(|| panic!("{}: a thread has ended", self.name()));
        spent.as_nanos() as f64 / poems as f64
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
