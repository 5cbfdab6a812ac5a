//! What waits for the log's thread.

use super::super::output::Output;
use super::super::queue::{Command, Item, Queue};
use super::super::sink::Sink;
use super::*;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// How many lines may wait.
const MOST: usize = 65_536;

/// Bounds a hang.
const LIMIT: Duration = Duration::from_secs(120);

/// Everything that waits: the lines, and the commands in angle brackets. Returns the number of pieces, too.
fn take_all(queue: &Queue) -> (Vec<String>, usize) {
    let (mut all, mut pieces) = (Vec::new(), 0);
    while let Some((item, _)) = queue.take() {
        match item {
            Item::Lines { text, lines } => {
                let before = all.len();
                let text = String::from_utf8(text).unwrap();
                all.extend(text.lines().map(str::to_owned));
                assert_eq!(all.len() - before, lines);
                pieces += 1;
            }
            Item::Command(command) => all.push(format!("<{command:?}>")),
        }
    }
    (all, pieces)
}

#[test]
fn as_many_lines_wait_as_may_and_those_beyond_are_counted() {
    let queue = Queue::default();
    for n in 0..MOST + 10 {
        let _ = queue.push_line(format!("{n}\n").as_bytes());
    }
    assert_eq!(queue.dropped(), 10);
    let (lines, pieces) = take_all(&queue);
    assert!(lines.iter().map(|line| line.parse::<usize>().unwrap()).eq(0..MOST));
    assert!(pieces < 10, "{pieces} pieces");
    let _ = queue.push_line(b"there is space again\n");
    assert_eq!((take_all(&queue).0.len(), queue.dropped()), (1, 10));
}

#[test]
fn a_line_that_is_longer_than_a_piece_is_one() {
    let queue = Queue::default();
    let long = "x".repeat(200_000);
    for line in ["a", &long, "b"] {
        let _ = queue.push_line(format!("{line}\n").as_bytes());
    }
    assert_eq!(take_all(&queue), (vec!["a".into(), long, "b".into()], 3));
}

#[test]
fn commands_keep_their_places_and_do_not_pile_up() {
    let queue = Queue::default();
    for n in 0..2 {
        let _ = queue.push_line(format!("{n}\n").as_bytes());
        for command in [Command::Rotate, Command::Change] {
            (0..1000).for_each(|_| _ = queue.push_command(command));
        }
        (1..=1000).for_each(|number| _ = queue.push_command(Command::Barrier(n * 1000 + number)));
    }
    let expected = [
        "0",
        "<Rotate>",
        "<Change>",
        "<Barrier(1000)>",
        "1",
        "<Rotate>",
        "<Change>",
        "<Barrier(2000)>",
    ];
    assert_eq!(take_all(&queue).0, expected);
}

#[test]
fn the_thread_is_woken_once_until_it_sleeps_again() {
    let queue = Queue::default();
    for _ in 0..3 {
        assert!(queue.push_line(b"one\n"));
        assert!(!queue.push_line(b"two\n") && !queue.push_command(Command::Rotate));
        assert!(!queue.may_sleep(), "something waits");
        take_all(&queue);
        assert!(!queue.push_line(b"three\n"), "it is awake");
        take_all(&queue);
        assert!(queue.may_sleep());
        assert!(queue.push_command(Command::Rotate));
        take_all(&queue);
        assert!(queue.may_sleep());
    }
}

/// The log is a FIFO that nobody reads until far too many lines have been logged.
#[test]
fn while_nothing_can_be_written_as_many_lines_wait_as_may_and_the_log_tells_how_many_do_not() {
    let log = LogFile::new();
    mkfifo(&log.path(), Mode::S_IRWXU).unwrap();
    let mut reader = fs::File::options().read(true).write(true).open(log.path()).unwrap();
    let sink = Sink::File(log.open(1_000_000, 1));
    let output = Arc::new(Output::new(sink, formatter(Format::Text, Style::Priority)));
    output.start_thread();
    const LOGGED: usize = 2 * MOST;
    for n in 0..LOGGED {
        output.write(format!("line {n}\n").as_bytes());
    }
    let lost = output.lines_lost();
    assert!((1..=(LOGGED - MOST) as u64).contains(&lost), "{lost} lines were lost");
    let reading = std::thread::spawn(move || {
        let (mut text, mut buffer) = (String::new(), [0; 8192]);
        while !text.ends_with("the end\n") {
            let length = reader.read(&mut buffer).unwrap();
            text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        text
    });
    output.flush(LIMIT).unwrap();
    output.write(b"the end\n");
    output.flush(LIMIT).unwrap();
    let text = reading.join().unwrap();
    let numbers: Vec<usize> = text
        .lines()
        .filter_map(|line| line.strip_prefix("line ").map(|n| n.parse().unwrap()))
        .collect();
    assert_eq!(numbers.len() as u64 + lost, LOGGED as u64);
    assert!(numbers.is_sorted(), "lines are in order");
    let report = format!("{lost} log lines were lost: they were logged faster than");
    assert_eq!(text.matches(&report).count(), 1, "{}", &text[text.len() - 300..]);
    assert_eq!(output.lines_lost(), lost);
}
