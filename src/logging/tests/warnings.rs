//! The last warnings and errors, and the number of lines that were lost.

use super::super::layer::{Log, LogLayer};
use super::super::output::Output;
use super::super::sink::Sink;
use super::super::warnings::{LoggedWarning, Warnings};
use super::*;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, error, error_span, info, warn};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

/// Bounds a hang.
const LIMIT: Duration = Duration::from_secs(120);

fn output(log: &LogFile) -> Arc<Output> {
    let sink = Sink::File(log.open(1_000_000_000, 3));
    Arc::new(Output::new(sink, formatter(Format::Text, Style::Plain)))
}

/// The warnings that remain of what is logged by `log`.
fn kept(level: Level, log: impl FnOnce()) -> Vec<LoggedWarning> {
    let file = LogFile::new();
    let (open, output) = (Log::new(true), output(&file));
    open.open(level, formatter(Format::Json, Style::Plain), output.clone());
    let layer = LogLayer(Arc::new(open));
    tracing::subscriber::with_default(Registry::default().with(layer), log);
    output.warnings().list()
}

fn messages(warnings: &[LoggedWarning]) -> Vec<&str> {
    warnings.iter().map(|warning| warning.message.as_str()).collect()
}

#[test]
fn warnings_and_errors_are_kept_with_their_values() {
    let before = SystemTime::now();
    let warnings = kept(Level::TRACE, || {
        info!("news");
        error_span!("service", path = "night.fast").in_scope(|| {
            warn!(peer = "[::1]:7", "no\nanswer");
            debug!("detail");
        });
        error!(bytes = 3003, "cut after 3003 bytes");
    });
    assert_eq!(messages(&warnings), ["no\\nanswer peer=[::1]:7", "cut after 3003 bytes"]);
    assert_eq!((warnings[0].level, warnings[0].path.as_str()), (Level::WARN, "night.fast"));
    assert_eq!((warnings[1].level, warnings[1].path.as_str()), (Level::ERROR, "-"));
    assert!(before <= warnings[0].time && warnings[0].time <= warnings[1].time);
}

#[test]
fn what_the_level_excludes_is_not_kept() {
    assert_eq!(kept(Level::ERROR, || warn!("not logged")), []);
}

#[test]
fn the_last_fifty_warnings_are_kept() {
    let warnings = kept(Level::INFO, || (0..120).for_each(|n| warn!("warning {n}")));
    let expected: Vec<String> = (70..120).map(|n| format!("warning {n}")).collect();
    assert_eq!(messages(&warnings), expected);
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let long = "ä".repeat(1_000_000);
    let warnings = kept(Level::INFO, || {
        error_span!("service", path = long.as_str()).in_scope(|| warn!("{long}"));
        warn!("{}", "x".repeat(1024));
    });
    let cut = "ä".repeat(510) + "…";
    assert_eq!((&warnings[0].path, &warnings[0].message), (&cut, &cut));
    assert!(warnings[0].message.capacity() <= 1024);
    assert_eq!(warnings[1].message, "x".repeat(1024));
}

#[test]
fn nothing_is_allocated_before_the_first_warning() {
    assert_eq!(Warnings::default().list().capacity(), 0);
}

#[test]
fn a_loss_is_a_warning_once_while_it_lasts_and_is_never_uncounted() {
    let log = LogFile::new();
    let _full = log.put_full_file();
    let output = output(&log);
    (0..20).for_each(|n| output.write(format!("{n}\n").as_bytes()));
    assert_eq!(output.lines_lost(), 20);
    let lost = output.warnings().list();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].message.starts_with("1 log lines were lost: "), "{lost:?}");

    fs::remove_file(log.path()).unwrap();
    output.rotate();
    output.flush(LIMIT).unwrap();
    let lost = output.warnings().list();
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert!(lost[1].message.starts_with("20 log lines were lost: "), "{lost:?}");
    assert_eq!(output.lines_lost(), 20, "it was reported, but they are lost all the same");
}

/// Commands are passed to the thread like lines, but are none.
#[test]
fn lines_that_the_thread_can_t_take_are_counted_without_the_commands() {
    const LINES: usize = 100_000;
    let log = LogFile::new();
    mkfifo(&log.path(), Mode::S_IRWXU).unwrap();
    let output = output(&log);
    output.start_thread();
    let line = "x".repeat(99) + "\n";
    for n in 0..LINES {
        output.write(line.as_bytes());
        if n % 10_000 == 0 {
            output.rotate();
        }
    }
    let lost = output.lines_lost();
    let reader = BufReader::new(fs::File::open(log.path()).unwrap());
    let flushed = output.clone();
    let flush = std::thread::spawn(move || {
        flushed.flush(LIMIT).unwrap();
        flushed.write(b"end\n");
        flushed.flush(LIMIT).unwrap();
    });
    let lines = reader.lines().map(Result::unwrap).take_while(|line| line != "end");
    let (arrived, said): (Vec<String>, Vec<String>) = lines.partition(|line| line.starts_with('x'));
    flush.join().unwrap();
    assert!(lost > 0, "the FIFO took everything");
    assert_eq!(arrived.len() as u64 + output.lines_lost(), LINES as u64, "{said:?}");
    assert!(lost <= output.lines_lost());
    let kept = output.warnings().list();
    assert!(said[0].ends_with(&kept[0].message), "{said:?} {kept:?}");
    assert_eq!(said.len(), kept.len());
}
