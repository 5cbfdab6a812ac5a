//! From `tracing` to the file, directly and through the thread.

use super::super::layer::{Log, LogLayer};
use super::super::output::Output;
use super::super::rotating::FileChange;
use super::super::sink::Sink;
use super::*;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, error_span, info, warn};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

/// Bounds a hang.
const LIMIT: Duration = Duration::from_secs(120);

impl LogFile {
    fn output(&self, rotate_at: u64) -> Arc<Output> {
        let sink = Sink::File(self.open(rotate_at, 1000));
        Arc::new(Output::new(sink, formatter(Format::Text, Style::Priority)))
    }

    /// What is logged by `log` at `level` and above.
    fn logged(&self, level: Level, format: Format, log: impl FnOnce()) -> String {
        let open = Log::new(true);
        open.open(level, formatter(format, Style::Priority), self.output(1_000_000));
        let layer = LogLayer(Arc::new(open));
        tracing::subscriber::with_default(Registry::default().with(layer), log);
        fs::read_to_string(self.path()).unwrap()
    }
}

#[test]
fn lines_carry_the_path_of_the_service_that_says_them() {
    let lines = LogFile::new().logged(Level::INFO, Format::Text, || {
        info!("outside");
        error_span!("service", path = "night.fast").in_scope(|| {
            info!("inside");
            error_span!("request").in_scope(|| info!("deeper"));
            error_span!("service", path = "night.fast.a").in_scope(|| info!("child"));
        });
    });
    let expected =
        "<6>[-] outside\n<6>[night.fast] inside\n<6>[night.fast] deeper\n<6>[night.fast.a] child\n";
    assert_eq!(lines, expected);
}

#[test]
fn what_is_below_the_level_is_not_logged_and_the_path_is_kept_at_any_level() {
    let lines = LogFile::new().logged(Level::WARN, Format::Text, || {
        error_span!("service", path = "fast").in_scope(|| {
            debug!("unimportant");
            info!("not important enough");
            warn!("important");
        });
    });
    assert_eq!(lines, "<4>[fast] warning: important\n");
}

#[test]
fn numbers_and_truths_are_such_in_json() {
    let lines = LogFile::new().logged(Level::INFO, Format::Json, || {
        info!(n = 7u64, less = -7i64, yes = true, text = "7", peer = %"a b", "x");
    });
    let line: serde_json::Value = serde_json::from_str(lines.strip_prefix("<6>").unwrap()).unwrap();
    assert_eq!((&line["n"], &line["less"], &line["yes"]), (&7.into(), &(-7).into(), &true.into()));
    assert_eq!((&line["text"], &line["peer"]), (&"7".into(), &"a b".into()));
}

#[test]
fn fractions_are_numbers_in_json_where_json_has_them() {
    let lines = LogFile::new()
        .logged(Level::INFO, Format::Json, || info!(half = 0.5, none = f64::NAN, "x"));
    let line: serde_json::Value = serde_json::from_str(lines.strip_prefix("<6>").unwrap()).unwrap();
    assert_eq!((&line["half"], &line["none"]), (&0.5.into(), &"NaN".into()));
}

#[test]
fn early_events_are_kept_as_far_as_there_is_room_and_those_lost_are_counted() {
    let file = LogFile::new();
    let log = Arc::new(Log::new(true));
    tracing::subscriber::with_default(Registry::default().with(LogLayer(log.clone())), || {
        (0..900).for_each(|n| debug!("detail {n}"));
        (0..1500).for_each(|n| info!("event {n}"));
        log.open(Level::INFO, formatter(Format::Text, Style::Priority), file.output(1_000_000));
        info!("late");
    });
    let text = fs::read_to_string(file.path()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1002);
    assert_eq!((lines[0], lines[999]), ("<6>[-] event 0", "<6>[-] event 999"));
    let lost = "<4>[-] warning: 500 events were lost: they were logged before the log was open";
    assert_eq!(lines[1000..], [lost, "<6>[-] late"]);
}

/// An error may log while it is being displayed.
#[test]
fn a_line_may_cause_another() {
    struct Talkative;
    impl std::fmt::Display for Talkative {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            info!("inner");
            f.write_str("outer")
        }
    }
    let lines = LogFile::new().logged(Level::INFO, Format::Text, || info!("{Talkative}"));
    assert!(lines.contains("] outer\n"), "{lines}");
}

#[test]
fn before_there_is_a_thread_lines_are_written_at_once() {
    let log = LogFile::new();
    let output = log.output(1_000_000);
    output.write(b"one\n");
    assert_eq!(log.files(), ["one\n"]);
    output.rotate();
    output.write(b"two\n");
    assert_eq!(log.files(), ["two\n", "one\n"]);
    output.flush(LIMIT).unwrap();
}

#[test]
fn after_a_flush_everything_that_all_threads_wrote_is_in_the_file() {
    let log = LogFile::new();
    let output = log.output(10_000);
    output.write(b"first\n");
    output.start_thread();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let output = &output;
            scope.spawn(move || {
                for n in 0..1000 {
                    output.write(format!("{thread} {n}\n").as_bytes());
                }
            });
        }
    });
    output.flush(LIMIT).unwrap();
    let written: String = log.files().into_iter().rev().collect();
    assert!(written.starts_with("first\n"));
    assert_eq!(written.matches('\n').count(), 4001);
    for thread in 0..4 {
        let own = written.lines().filter_map(|line| line.strip_prefix(&format!("{thread} ")));
        assert!(own.eq((0..1000).map(|n| n.to_string())), "the lines of a thread are in order");
    }
}

#[test]
fn a_rotation_comes_after_the_lines_before_it_and_before_those_after() {
    let log = LogFile::new();
    let output = log.output(1_000_000);
    output.start_thread();
    for n in 0..100 {
        output.write(format!("{n}\n").as_bytes());
        output.rotate();
        output.flush(LIMIT).unwrap();
    }
    let files = log.files();
    assert_eq!(files[0], "");
    let expected: Vec<String> = (0..100).rev().map(|n| format!("{n}\n")).collect();
    assert_eq!(files[1..], expected);
}

/// Lines that wait when the rotation is asked for belong into the old file.
#[test]
fn a_rotation_keeps_its_place_among_waiting_lines() {
    let log = LogFile::new();
    let output = log.output(100_000_000);
    output.start_thread();
    for n in 0..20_000 {
        output.write(format!("{n}\n").as_bytes());
    }
    output.rotate();
    output.flush(LIMIT).unwrap();
    let files = log.files();
    assert_eq!((files[0].as_str(), files.len()), ("", 2), "lines were moved past the rotation");
}

#[test]
fn lines_that_were_lost_are_counted_in_the_log() {
    let log = LogFile::new();
    let _full = log.put_full_file();
    let output = log.output(1_000_000);
    output.write(b"one\n");
    output.write(b"two\n");
    fs::remove_file(log.path()).unwrap();
    output.rotate();
    output.write(b"three\n");
    output.write(b"four\n");
    let written = log.files().concat();
    assert_eq!(written.matches("[-] warning: 2 log lines were lost: ").count(), 1, "{written}");
    assert_eq!(written.lines().count(), 3, "{written}");
    assert!(written.contains("three\n") && written.ends_with("four\n"), "{written}");
}

#[test]
fn a_new_level_and_format_hold_from_the_next_line_on() {
    let file = LogFile::new();
    let log = Arc::new(Log::new(true));
    let formatter = formatter(Format::Text, Style::Priority);
    log.open(Level::INFO, formatter.clone(), file.output(1_000_000));
    let say = || {
        debug!("details");
        info!("news");
    };
    let layer = LogLayer(log.clone());
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        say();
        log.set_level(Level::DEBUG);
        say();
        log.set_level(Level::WARN);
        say();
        log.set_level(Level::INFO);
        log.set_format(Format::Json);
        say();
    });
    let lines = fs::read_to_string(file.path()).unwrap();
    let expected = "<6>[-] news\n<7>[-] details\n<6>[-] news\n\
                    <6>{\"level\":\"info\",\"service\":\"-\",\"message\":\"news\"}\n";
    assert_eq!(lines, expected);
}

#[test]
fn new_settings_of_the_file_keep_their_place_among_the_lines() {
    let file = LogFile::new();
    let output = file.output(1_000_000);
    output.start_thread();
    for _ in 0..10 {
        output.write(b"before\n");
    }
    let rotation = Rotation { rotate_at: 1_000, keep: 2, every: None };
    output.change_file(FileChange { rotation, mode: Some(0o640) });
    let line = [b'x'; 499].into_iter().chain([b'\n']).collect::<Vec<u8>>();
    for _ in 0..8 {
        output.write(&line);
    }
    output.flush(LIMIT).unwrap();
    let files = file.files();
    let lengths: Vec<usize> = files.iter().map(String::len).collect();
    // The first file had 70 bytes, and one more line was all that it could take; it was not kept.
    assert_eq!(lengths, [500, 1000, 1000]);
    assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o640);
}
