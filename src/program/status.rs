//! What `status` and `reload` print.

use crate::document::{Draining, ReloadOutcome, Reloaded, ServiceStatus, Status};
use crate::value::{columns, plain};
use jiff::Timestamp;
use std::fmt::Write as _;

/// How much of one text is shown, in columns.
const LONGEST_TEXT: usize = 500;

/// How far a name is indented at most, in columns.
const DEEPEST: usize = 100;

const SECONDS_PER_MINUTE: u64 = 60;
const SECONDS_PER_HOUR: u64 = 60 * SECONDS_PER_MINUTE;
const SECONDS_PER_DAY: u64 = 24 * SECONDS_PER_HOUR;

/// The state of a daemon, for people. Everything in it is escaped.
pub(super) fn show(status: &Status, colour: bool, now: Timestamp) -> String {
    let mut text = header(status, now) + "\n";
    let rows: Vec<[String; 4]> = (status.services.iter().map(|service| row(service, now)))
        .chain(status.draining.iter().map(|draining| draining_row(draining, now)))
        .collect();
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().map(columns).sum::<usize>());
        widths.max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2)];
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let padding = widths
                .get(column)
                .map_or(0, |width| width.saturating_sub(cell.chars().map(columns).sum()) + 2);
            let painted = if colour && column == 2 { paint(cell) } else { cell.clone() };
            let _ = write!(line, "{painted}{:padding$}", "");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
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
fn row(service: &ServiceStatus, now: Timestamp) -> [String; 4] {
    let depth = (2 * service.path.matches('.').count()).min(DEEPEST);
    let name = service.path.rsplit('.').next().unwrap_or_default();
    let name = format!("{:depth$}{}", "", plain(name, LONGEST_TEXT));
    let parts = match &*service.state {
        "waiting" => vec![restart(service, now)],
        "failed" => vec![service.failure.clone().unwrap_or_default()],
        _ => {
            let counts = connections(service).or_else(|| datagrams(service));
            service.status.clone().into_iter().chain(counts).collect()
        }
    };
    let text = plain(&parts.join("   "), LONGEST_TEXT);
    [name, plain(&service.kind, LONGEST_TEXT), plain(&service.state, LONGEST_TEXT), text]
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
    let open = sum(service, "connections_open", None)?;
    let served = sum(service, "connections_completed", None)?;
    let cut = sum(service, "connections_failed", Some("cut")).unwrap_or_default();
    let [open, served, cut] = [open, served, cut].map(thousands);
    Some(format!("open {open}, served {served}, cut {cut}"))
}

/// The datagrams of a UDP server: `answered 81,204, limited 3`.
fn datagrams(service: &ServiceStatus) -> Option<String> {
    let answered = sum(service, "datagrams_answered", None)?;
    let limited = sum(service, "datagrams_unanswered", Some("rate")).unwrap_or_default();
    let [answered, limited] = [answered, limited].map(thousands);
    Some(format!("answered {answered}, limited {limited}"))
}

/// The sum of the numbers with this name, and with this reason if one is given.
fn sum(service: &ServiceStatus, name: &str, reason: Option<&str>) -> Option<u64> {
    let counts = service.counters.iter().filter(|count| {
        let its = count.labels.get("reason");
        count.name == name && reason.is_none_or(|reason| its.is_some_and(|its| its == reason))
    });
    counts.map(|count| count.value).reduce(u64::saturating_add)
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

/// How long ago a time was that the daemon has given.
fn since(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        Ok(at) => span(u64::try_from(now.duration_since(at).as_secs()).unwrap_or_default()),
        Err(_) => "an unknown time".into(),
    }
}

/// A time in its two largest units: `3 d 4 h`.
fn span(seconds: u64) -> String {
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

/// A number with commas: `81,204`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn paint(state: &str) -> String {
    let colour = match state {
        "running" => "32",
        "failed" => "31",
        "stopped" | "finished" => "2",
        _ => "33",
    };
    format!("\u{1b}[{colour}m{state}\u{1b}[0m")
}

#[cfg(test)]
mod tests;
