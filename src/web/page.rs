//! The page of a status service: one document without a script or a style from elsewhere. What is in it is complete without
//! JavaScript; with it, the page keeps itself up to date.

use crate::document::{Count, Draining, LastReload, ReloadOutcome, ServiceStatus, Status, Warning};
use crate::value::thousands;
use jiff::Timestamp;
use std::fmt::Write as _;

/// The most services in the page as it is sent. The rest are in the JSON document.
const MOST_ROWS: usize = 1000;

const DEEPEST: usize = 4;

/// The columns with numbers: what they are called, and the counters whose sum they are.
const COLUMNS: [(&str, [&str; 2]); 4] = [
    ("Open", ["connections_open", ""]),
    ("Served", ["connections_completed", "datagrams_answered"]),
    ("Failed", ["connections_failed", "datagrams_unanswered"]),
    (SENT, ["sent_bytes", ""]),
];

const SENT: &str = "Sent";

/// What Donne says where there are no warnings and no errors.
const QUIET: &str = r#" <q title="John Donne, The Ecstasy">And we said nothing, all the day.</q>"#;

const SCRIPT: &str =
    concat!(include_str!("texts.js"), include_str!("plots.js"), include_str!("page.js"));

/// The page as HTML, with the numbers of `status`.
pub(super) fn page(status: &Status, nonce: &str) -> String {
    let mut page = String::new();
    let mut rest = include_str!("page.html");
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        page.push_str(before);
        write_part(&mut page, name, status, nonce);
        rest = after;
    }
    page + rest
}

fn write_part(page: &mut String, name: &str, status: &Status, nonce: &str) {
    let (word, mark) = match (&*status.phase, status.ready) {
        ("running", true) => ("ready", "ready"),
        ("running", false) => ("not ready", "failed"),
        (phase, _) => (phase, phase),
    };
    match name {
        "now" => page.push_str(&time(&Timestamp::now().to_string())),
        "nonce" => page.push_str(nonce),
        "style" => page.push_str(include_str!("page.css")),
        "script" => page.push_str(SCRIPT),
        "title" => page.push_str(&text(&format!("{}: {word}", status.program))),
        "program" => page.push_str(&text(&status.program)),
        "version" => page.push_str(&text(status.version.as_deref().unwrap_or_default())),
        "origin" => page.push_str(&text(&status.origin)),
        "word" => page.push_str(&text(word)),
        "mark" => page.push_str(&text(mark)),
        "facts" => write_facts(page, status),
        "rows" => write_rows(page, status),
        "rest" => write_rest(page, status.services.len()),
        "lost" if status.log_lines_lost > 0 => {
            let _ = write!(
                page,
                "{} lines of the log have been lost, since it could not be written fast enough.",
                thousands(status.log_lines_lost)
            );
        }
        "warnings" => write_warnings(page, status.warnings.as_deref().unwrap_or_default()),
        "not_quiet" if status.warnings.as_ref().is_none_or(|warnings| !warnings.is_empty()) => {
            page.push_str(" hidden")
        }
        "not_away" if status.warnings.is_some() => page.push_str(" hidden"),
        "quiet" if status.program == "poetryd" => page.push_str(QUIET),
        _ => {}
    }
}

fn write_facts(page: &mut String, status: &Status) {
    let reload = status.last_reload.as_ref().map_or_else(|| "none yet".into(), verdict);
    let facts = [
        ("Started", time(&status.started)),
        ("Process", format!("pid {}", status.pid)),
        ("Workers", status.workers.to_string()),
        ("Last reload", reload),
    ];
    for (name, fact) in facts {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{fact}</dd></div>");
    }
}

fn verdict(reload: &LastReload) -> String {
    let ended = time(&reload.ended);
    let changes = match &reload.outcome {
        ReloadOutcome::Refused(refused) => {
            return format!(
                r#"<span class="mark failed">refused</span> {ended}<pre>{}</pre>"#,
                text(&refused.error)
            );
        }
        ReloadOutcome::Changes(changes) => changes,
    };
    let counts = [
        (changes.kept, "kept"),
        (changes.updated.len(), "updated"),
        (changes.replaced.len(), "replaced"),
        (changes.added.len(), "added"),
        (changes.removed.len(), "removed"),
        (changes.restarted.len(), "restarted"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, word)| format!("{count} {word}")).collect();
    format!("{ended}: {}", counts.join(", "))
}

fn write_rows(page: &mut String, status: &Status) {
    status.services.iter().take(MOST_ROWS).for_each(|service| write_row(page, service));
    for Draining { path, kind, state, since, status } in status.draining.iter().take(MOST_ROWS) {
        let [path, kind, state] = [path, kind, state].map(|part| text(part));
        let (since, status) = (time(since), text(status.as_deref().unwrap_or_default()));
        let _ = writeln!(
            page,
            r#"<tr role="row"><td role="cell"><span class="own">{path}</span><span class="kind">{kind}</span></td><td role="cell"><span class="mark draining">draining</span>{since}</td><td role="cell">{state}, from before a reload: {status}</td></tr>"#
        );
    }
}

fn write_row(page: &mut String, service: &ServiceStatus) {
    let ServiceStatus { path, kind, state, since, counters, .. } = service;
    let depth = path.matches('.').count().min(DEEPEST);
    let name = path.rsplit('.').next().unwrap_or_default();
    let [name, kind, state] = [name, kind, state].map(text);
    let (since, group) = (time(since), if service.is_group { "group" } else { "" });
    let failure = if state == "failed" { "failure" } else { "" };
    let _ = write!(
        page,
        r#"<tr role="row" class="{group}"><td role="cell"><div class="name-cell d{depth}"><span class="own">{name}</span><span class="kind">{kind}</span></div></td><td role="cell"><span class="mark {state}">{state}</span>{since}</td><td role="cell" class="{failure}">{}</td>"#,
        details(service)
    );
    for (label, names) in COLUMNS {
        let value = sum(counters, &names);
        let none = if value.is_none() { " none" } else { "" };
        let value = value.map(|value| if label == SENT { bytes(value) } else { thousands(value) });
        let _ = write!(
            page,
            r#"<td role="cell" class="n{none}" data-label="{label}"><span>{}</span></td>"#,
            value.unwrap_or_default()
        );
    }
    page.push_str("</tr>\n");
}

/// What a service says about itself, or why it is not running.
fn details(service: &ServiceStatus) -> String {
    let why = text(service.failure.as_deref().unwrap_or_default());
    match (&*service.state, &service.next_start) {
        ("failed", _) => why,
        ("waiting", Some(next)) => format!("restarts at {}: {why}", time(next)),
        _ => text(service.status.as_deref().unwrap_or_default()),
    }
}

/// The last warnings and errors, the last one first.
fn write_warnings(page: &mut String, warnings: &[Warning]) {
    for Warning { time: at, level, service, message } in warnings.iter().rev() {
        let word = if level == "warn" { "warning" } else { level };
        let [level, word, service, message] =
            [level, word, service.trim_matches('-'), message].map(text);
        let at = time(at);
        let _ = writeln!(
            page,
            r#"<li>{at}<span class="mark {level}">{word}</span><span><b>{service}</b>{message}</span></li>"#
        );
    }
}

fn sum(counters: &[Count], names: &[&str]) -> Option<u64> {
    let values = counters.iter().filter(|count| names.contains(&&*count.name));
    values.map(|count| count.value).reduce(u64::saturating_add)
}

fn write_rest(page: &mut String, services: usize) {
    if services > MOST_ROWS {
        let more = services - MOST_ROWS;
        let _ =
            write!(page, r#"{more} more services are in <a href="status.json">status.json</a>."#);
    }
}

/// `2026-11-29 17:03:39 UTC`, for browsers that can't say how long ago that was.
fn time(at: &str) -> String {
    let words = at.split('.').next().unwrap_or(at).replace('T', " ");
    format!(r#"<time datetime="{}">{} UTC</time>"#, text(at), text(&words))
}

/// Text that is nothing but text in HTML, also as a value in quotes.
fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// `10.5 MB`
fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let unit = (number.max(1).ilog10() as usize / 3).min(UNITS.len() - 1);
    let scaled = number as f64 / 1000_f64.powi(unit as i32);
    let places = if unit == 0 || scaled >= 100.0 { 0 } else { 2 - usize::from(scaled >= 10.0) };
    format!("{scaled:.places$}<small>{}</small>", UNITS[unit])
}

#[cfg(test)]
mod tests;
