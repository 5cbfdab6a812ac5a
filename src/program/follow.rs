//! `status --follow`: asks the daemon each second, and shows what it answers: in place on a terminal, elsewhere one
//! after another.

use super::daemon_files::Daemon;
use super::failure::{Failure, unwritten};
use super::rates::Rates;
use super::reach::{Answer, Unreached, ask_status, reach, unit};
use super::screen::{Screen, let_end};
use super::status::{self, View};
use crate::control::{Client, NoAnswer};
use crate::value::{columns, fitting, plain};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often the daemon is asked.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long an answer may take. Meanwhile, nothing new is shown.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// How much of a reason is shown, in columns.
const LONGEST_REASON: usize = 1000;

/// Shows the status until a signal ends this process or nobody reads it any longer. The daemon has to be running at
/// first; later it may end, and come back.
pub(super) fn follow(daemon: &Daemon, json: bool) -> Result<ExitCode, Failure> {
    let mut followed = Followed::begin(daemon)?;
    let_end();
    let mut output = Output::open(json).map_err(|e| unwritten(&e))?;
    let mut next = Instant::now();
    loop {
        next = (next + INTERVAL).max(Instant::now());
        loop {
            match output.show(&followed).and_then(|()| output.wait(next)) {
                Ok(Woken::Change) => {}
                Ok(Woken::Time) => break,
                Ok(Woken::NobodyReads) => return Ok(ExitCode::SUCCESS),
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
                Err(e) => return Err(unwritten(&e)),
            }
        }
        followed.ask();
    }
}

/// A daemon that is asked again and again.
struct Followed<'a> {
    daemon: &'a Daemon,
    /// Whether it is the unit's.
    is_unit: bool,
    known: Known,
    rates: Rates,
}

/// What is known about it.
enum Known {
    Answer(Box<Answer>),
    /// It has not answered since that time, and why. `None`: it is not running.
    Silence {
        since: Timestamp,
        why: Option<String>,
    },
}

impl<'a> Followed<'a> {
    fn begin(daemon: &'a Daemon) -> Result<Self, Failure> {
        let (client, is_unit) = match reach(daemon) {
            Ok(client) => (client, false),
            Err(Unreached::NotRunning(failure)) => (unit(daemon)?.ok_or(failure)?, true),
            Err(unreached) => {
                let is_silent = matches!(unreached, Unreached::Silent { .. });
                return Err(match unreached.failure(daemon) {
                    Failure::Other(message, status) if is_silent => {
                        let message = format!("{message}; --follow needs the control socket");
                        Failure::Other(message, status)
                    }
                    failure => failure,
                });
            }
        };
        let (answer, mut rates) = (ask_status(daemon, client, ANSWER_TIMEOUT)?, Rates::default());
        rates.update(&answer.status, Instant::now());
        Ok(Self { daemon, is_unit, known: Known::Answer(Box::new(answer)), rates })
    }

    fn ask(&mut self) {
        let answer = self.client().and_then(|client| {
            let answer = ask_status(self.daemon, client, ANSWER_TIMEOUT);
            answer.map_err(|failure| Some(failure.message()))
        });
        self.known = match answer {
            Ok(answer) => {
                self.rates.update(&answer.status, Instant::now());
                Known::Answer(Box::new(answer))
            }
            Err(why) => {
                let since = match &self.known {
                    Known::Silence { since, .. } => *since,
                    Known::Answer(_) => Timestamp::now(),
                };
                Known::Silence { since, why }
            }
        };
    }

    /// Connects to the same daemon as before, or to one in its place.
    fn client(&self) -> Result<Client, Option<String>> {
        if self.is_unit {
            let client = unit(self.daemon).map_err(|failure| Some(failure.message()))?;
            return client.ok_or(None);
        }
        reach(self.daemon).map_err(|unreached| match unreached {
            Unreached::NotRunning(_) => None,
            other => Some(other.failure(self.daemon).message()),
        })
    }

    /// What is known, for people.
    fn text(&self, colour: bool, width: usize) -> String {
        let now = Timestamp::now();
        match &self.known {
            Known::Answer(answer) => {
                let view = View { colour, now, width, rates: Some(&self.rates) };
                status::show(&answer.status, &view)
            }
            Known::Silence { since, why } => {
                let lines = silence(self.daemon.program, *since, why.as_deref(), now);
                lines.iter().map(|line| folded(&plain(line, LONGEST_REASON), width)).collect()
            }
        }
    }

    /// What is known, as JSON on one line.
    fn json(&self) -> String {
        match &self.known {
            Known::Answer(answer) => status::json_line(&answer.document),
            Known::Silence { since, why } => {
                let error = why.as_deref().unwrap_or("not running");
                let document = NoAnswer::new(since.to_string(), error.into());
                status::json_line(&serde_json::to_vec(&document).unwrap_or_default())
            }
        }
    }
}

/// What is shown of a daemon that does not answer, line by line.
fn silence(program: &str, since: Timestamp, why: Option<&str>, now: Timestamp) -> Vec<String> {
    let seconds = u64::try_from(now.duration_since(since).as_secs()).unwrap_or_default();
    let span = status::span(seconds);
    let since = since.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S");
    match why {
        None => vec![format!("{program} is not running since {since} ({span}); waiting")],
        Some(why) => vec![format!("no answer since {since} ({span}); trying again"), why.into()],
    }
}

/// A text that is escaped already, in as many lines as it needs.
fn folded(text: &str, width: usize) -> String {
    let (mut folded, mut rest) = (String::new(), text);
    while !rest.is_empty() {
        let (bytes, _) = fitting(rest.chars(), width, columns);
        // A character that is wider than the terminal has to go somewhere.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let (line, after) = rest.split_at(bytes.max(first));
        folded.push_str(line);
        folded.push('\n');
        rest = after;
    }
    folded
}

/// Why a wait has ended.
enum Woken {
    Time,
    /// The terminal has another size, or has to be drawn anew for another reason.
    Change,
    NobodyReads,
}

/// Where the status is shown.
struct Output {
    out: File,
    style: Style,
    /// Whether something has been written.
    has_begun: bool,
}

enum Style {
    Screen(Screen),
    Tables,
    Json,
}

impl Output {
    fn open(json: bool) -> io::Result<Self> {
        // Not buffered: what is written is a whole line or text.
        let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let has_cursor = out.is_terminal() && std::env::var_os("TERM").is_some_and(|t| t != "dumb");
        let style = match json {
            true => Style::Json,
            false if has_cursor => Style::Screen(Screen::of(out.try_clone()?)?),
            false => Style::Tables,
        };
        Ok(Self { out, style, has_begun: false })
    }

    fn show(&mut self, followed: &Followed<'_>) -> io::Result<()> {
        let colour = status::is_coloured();
        let empty_line = if self.has_begun { "\n" } else { "" };
        self.has_begun = true;
        match &self.style {
            Style::Screen(screen) => screen.draw(&followed.text(colour, screen.columns())),
            Style::Json => self.out.write_all(followed.json().as_bytes()),
            Style::Tables => {
                let text = followed.text(colour, usize::MAX);
                self.out.write_all(format!("{empty_line}{text}").as_bytes())
            }
        }
    }

    fn wait(&self, until: Instant) -> io::Result<Woken> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Woken::Time);
            }
            // Errors and hang-ups are reported even if nothing is asked for.
            let mut fds = vec![PollFd::new(self.out.as_fd(), PollFlags::empty())];
            if let Style::Screen(screen) = &self.style {
                fds.push(PollFd::new(screen.changes(), PollFlags::POLLIN));
            }
            let timeout = PollTimeout::try_from(left + Duration::from_millis(1));
            match poll(&mut fds, timeout.unwrap_or(PollTimeout::MAX)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
            let happened: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
            if happened[0] {
                return Ok(Woken::NobodyReads);
            }
            if let (Style::Screen(screen), [_, true]) = (&self.style, &happened[..]) {
                screen.acknowledge();
                return Ok(Woken::Change);
            }
        }
    }
}

#[cfg(test)]
mod tests;
