//! What `status` and `reload` print.

use super::rates::{Rates, total};
use crate::document::{Draining, ReloadOutcome, Reloaded, ServiceStatus, Status};
use crate::value::{columns, plain, thousands};
use jiff::Timestamp;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};

/// How much of one text is shown, in columns.
const LONGEST_TEXT: usize = 500;

/// How far a name is indented at most, in columns.
const DEEPEST: usize = 100;

/// How many columns a rate takes, so that what follows stays in its place.
const RATE_WIDTH: usize = 8;

const SECONDS_PER_MINUTE: u64 = 60;
const SECONDS_PER_HOUR: u64 = 60 * SECONDS_PER_MINUTE;
const SECONDS_PER_DAY: u64 = 24 * SECONDS_PER_HOUR;

/// How a status is shown.
pub(super) struct View<'a> {
    pub(super) colour: bool,
    pub(super) now: Timestamp,
    /// How many columns a line may have.
    pub(super) width: usize,
    /// Where it is shown again and again: how much happens per second. Then what changes is to the left of what does
    /// not, so that it is there on a narrow terminal, too.
    pub(super) rates: Option<&'a Rates>,
}

impl View<'_> {
    /// For a status that is shown once, whole.
    pub(super) fn once(colour: bool, now: Timestamp) -> Self {
        Self { colour, now, width: usize::MAX, rates: None }
    }
}

/// Whether what is written to standard output may have colours.
pub(super) fn is_coloured() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !plain
}

/// The state of a daemon, for people. Everything in it is escaped.
pub(super) fn show(status: &Status, view: &View<'_>) -> String {
    let mut text = cut(&header(status, view.now), view.width) + "\n";
    let rows: Vec<[String; 4]> = (status.services.iter().map(|service| row(service, view)))
        .chain(status.draining.iter().map(|draining| draining_row(draining, view.now)))
        .collect();
    let widest = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
    let widths = [widest(0), widest(1), widest(2), 0];
    for row in &rows {
        text.push_str(&line(row, widths, view));
        text.push('\n');
    }
    text
}

/// A line of the table, not wider than the view.
fn line(row: &[String; 4], widths: [usize; 4], view: &View<'_>) -> String {
    let (mut line, mut left) = (String::new(), view.width);
    for (column, (cell, widest)) in row.iter().zip(widths).enumerate() {
        let shown = cut(cell, left);
        let padding = widest.saturating_sub(width(cell)) + 2;
        left = left.saturating_sub(width(&shown) + padding);
        let painted = if view.colour && column == 2 { paint(cell, &shown) } else { shown };
        let _ = write!(line, "{painted}{:1$}", "", padding.min(left));
    }
    line.truncate(line.trim_end().len());
    line
}

/// How many columns a text takes that is escaped already.
fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// A text that is escaped already, cut to so many columns, with an ellipsis if something is missing.
pub(super) fn cut(text: &str, room: usize) -> String {
    match room {
        0 => String::new(),
        room if width(text) <= room => text.to_owned(),
        room => plain(text, room - 1),
    }
}

fn header(status: &Status, now: Timestamp) -> String {
    let Status { program, version, pid, origin, phase, started, last_reload, .. } = status;
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let does = if phase == "reloading" { "running" } else { phase };
    let mut line = format!(
        "{program}{version} is {does} with pid {pid} since {}: {origin}",
        since(started, now)
    );
    if phase == "reloading" {
        line.push_str(", reloading now");
    }
    if let Some(last) = last_reload {
        let ago = since(&last.ended, now);
        match &last.outcome {
            ReloadOutcome::Changes(_) => _ = write!(line, ", reloaded {ago} ago"),
            ReloadOutcome::Refused(refused) => {
                let why = refused.error.lines().next().unwrap_or_default();
                let _ = write!(line, ", a reload failed {ago} ago: {why}");
            }
        }
    }
    plain(&line, 2 * LONGEST_TEXT)
}

/// Name, kind, state and text of a service.
fn row(service: &ServiceStatus, view: &View<'_>) -> [String; 4] {
    let depth = (2 * service.path.matches('.').count()).min(DEEPEST);
    let name = service.path.rsplit('.').next().unwrap_or_default();
    let name = format!("{:depth$}{}", "", plain(name, LONGEST_TEXT));
    let text = match &*service.state {
        "waiting" => restart(service, view.now),
        "failed" => service.failure.clone().unwrap_or_default(),
        _ => activity(service, view.rates),
    };
    let text = plain(&text, LONGEST_TEXT);
    [name, plain(&service.kind, LONGEST_TEXT), plain(&service.state, LONGEST_TEXT), text]
}

/// What a service says, and how many connections it has.
fn activity(service: &ServiceStatus, rates: Option<&Rates>) -> String {
    let status = service.status.clone();
    let counts = connections(service).or_else(|| datagrams(service));
    let parts = match rates {
        None => [status, counts],
        Some(rates) => {
            let rate = rates.of(service).map(|rate| format!("{:>RATE_WIDTH$}", per_second(rate)));
            let changing: Vec<String> = rate.into_iter().chain(counts).collect();
            [Some(changing.join("  ")).filter(|text| !text.is_empty()), status]
        }
    };
    parts.into_iter().flatten().collect::<Vec<_>>().join("   ")
}

/// A rate: `1.5/s`, `81,204/s`. None if it is not known yet.
fn per_second(rate: Option<f64>) -> String {
    match rate {
        None => String::new(),
        Some(rate) if rate > 0.0 && rate < 10.0 => format!("{rate:.1}/s"),
        Some(rate) => format!("{}/s", thousands(rate.round() as u64)),
    }
}

fn restart(service: &ServiceStatus, now: Timestamp) -> String {
    let at = service.next_start.as_ref().and_then(|at| at.parse::<Timestamp>().ok());
    let left = at.map_or(0, |at| at.duration_since(now).as_secs_f64().max(0.0).ceil() as u64);
    let times = service.restarts.saturating_add(1);
    let after = match (times, &service.failure) {
        (1, Some(_)) => "a failure".into(),
        (times, Some(_)) => format!("{} failures", thousands(times)),
        (_, None) => "it has finished".into(),
    };
    let failure = service.failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("restarts in {} after {after}{failure}", span(left))
}

/// The connections of a listener: `open 3, served 81,204, cut 0`.
fn connections(service: &ServiceStatus) -> Option<String> {
    let sum = |name: &str, reason: Option<&str>| total(service, name, reason);
    let (open, served) = (sum("connections_open", None)?, sum("connections_completed", None)?);
    let cut = sum("connections_failed", Some("cut")).unwrap_or_default();
    let [open, served, cut] = [open, served, cut].map(thousands);
    Some(format!("open {open}, served {served}, cut {cut}"))
}

/// The datagrams of a UDP server: `answered 81,204, limited 3`.
fn datagrams(service: &ServiceStatus) -> Option<String> {
    let answered = total(service, "datagrams_answered", None)?;
    let limited = total(service, "datagrams_unanswered", Some("rate")).unwrap_or_default();
    let [answered, limited] = [answered, limited].map(thousands);
    Some(format!("answered {answered}, limited {limited}"))
}

fn draining_row(draining: &Draining, now: Timestamp) -> [String; 4] {
    let time = since(&draining.since, now);
    let status = draining.status.as_ref().map(|text| format!("   {text}")).unwrap_or_default();
    let text = format!("{} for {time}, from before a reload{status}", draining.state);
    let [path, kind, text] =
        [&draining.path, &draining.kind, &text].map(|text| plain(text, LONGEST_TEXT));
    [path, kind, "draining".into(), text]
}

/// What a reload has changed, or would change, line by line.
pub(super) fn reloaded(reloaded: &Reloaded) -> Vec<String> {
    let Reloaded { dry_run, kept, updated, replaced, added, removed, restarted, .. } = reloaded;
    let start = if *dry_run { "would reload" } else { "reloaded" };
    let counts = [
        (*kept, "kept"),
        (updated.len(), "of them updated"),
        (replaced.len(), "replaced"),
        (added.len(), "added"),
        (removed.len(), "removed"),
        (restarted.len(), "restarted"),
    ];
    let counts = counts.into_iter().filter(|(count, word)| *count > 0 || *word == "kept");
    let counts: Vec<String> =
        counts.map(|(count, word)| format!("{} {word}", thousands(count as u64))).collect();
    let mut lines = vec![format!("{start}: {}", counts.join(", "))];
    lines.extend(updated.iter().map(|each| format!("[{}] {}", each.path, each.what)));
    for (paths, word) in
        [(replaced, "replaced"), (added, "added"), (removed, "removed"), (restarted, "restarted")]
    {
        lines.extend(paths.iter().map(|path| format!("[{path}] {word}")));
    }
    let now = if *dry_run { "would take effect" } else { "in effect" };
    lines.extend(reloaded.options.iter().map(|key| format!("{key}: {now}")));
    let later = "takes effect when the daemon is restarted";
    lines.extend(reloaded.at_restart.iter().map(|key| format!("{key}: {later}")));
    lines
}

/// A JSON document on one line, without characters that a terminal would obey. It is valid, so these are in strings.
pub(super) fn json_line(document: &[u8]) -> String {
    let text = String::from_utf8_lossy(document);
    let mut line = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            ' '..='~' => line.push(c),
            '\0'..='\u{1f}' => {} // between values; in strings they are not valid
            c if c.is_alphanumeric() => line.push(c),
            c => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| _ = write!(line, "\\u{unit:04x}")),
        }
    }
    line + "\n"
}

/// How long ago a time was that the daemon has given.
fn since(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        Ok(at) => span(u64::try_from(now.duration_since(at).as_secs()).unwrap_or_default()),
        Err(_) => "an unknown time".into(),
    }
}

/// A time in its two largest units: `3 d 4 h`.
pub(super) fn span(seconds: u64) -> String {
    let units =
        [(SECONDS_PER_DAY, "d"), (SECONDS_PER_HOUR, "h"), (SECONDS_PER_MINUTE, "min"), (1, "s")];
    let first = units.iter().position(|(size, _)| seconds >= *size).unwrap_or(units.len() - 1);
    let (size, name) = units[first];
    let mut text = format!("{} {name}", seconds / size);
    if let Some((smaller, name)) = units.get(first + 1)
        && seconds % size / smaller > 0
    {
        let _ = write!(text, " {} {name}", seconds % size / smaller);
    }
    text
}

/// A state in its colour, of which only a part may be shown.
fn paint(state: &str, shown: &str) -> String {
    let colour = match state {
        "running" => "32",
        "failed" => "31",
        "stopped" | "finished" => "2",
        _ => "33",
    };
    format!("\u{1b}[{colour}m{shown}\u{1b}[0m")
}

#[cfg(test)]
mod tests;
