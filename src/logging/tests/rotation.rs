//! Rotation by size and on request, and what happens when it is impossible.

use super::super::clock::Period;
use super::super::rotating::FileChange;
use super::*;
use std::os::unix::fs::symlink;
use std::time::{Duration, UNIX_EPOCH};

/// `length` bytes, newline included.
fn line(letter: char, length: usize) -> String {
    let mut line = letter.to_string().repeat(length - 1);
    line.push('\n');
    line
}

#[test]
fn a_file_may_be_as_long_as_the_limit_and_not_a_byte_longer() {
    let log = LogFile::new();
    let mut file = log.open(100, 3);
    write(&mut file, &line('a', 60));
    write(&mut file, &line('b', 40));
    assert_eq!(log.files(), [line('a', 60) + &line('b', 40)]);
    write(&mut file, &line('c', 1));
    assert_eq!(log.files(), [line('c', 1), line('a', 60) + &line('b', 40)]);
    write(&mut file, &line('d', 100));
    assert_eq!(log.files()[..2], [line('d', 100), line('c', 1)]);
}

#[test]
fn the_limit_holds_within_a_batch_too() {
    let log = LogFile::new();
    let mut file = log.open(100, 10);
    let batch = [line('a', 50), line('b', 50), line('c', 51), line('d', 50)].concat();
    write(&mut file, &batch);
    assert_eq!(log.files(), [line('d', 50), line('c', 51), line('a', 50) + &line('b', 50)]);
}

#[test]
fn what_an_earlier_run_wrote_counts() {
    let log = LogFile::new();
    fs::write(log.path(), line('a', 60)).unwrap();
    let mut file = log.open(100, 3);
    write(&mut file, &line('b', 41));
    assert_eq!(log.files(), [line('b', 41), line('a', 60)]);
}

#[test]
fn a_line_longer_than_the_limit_is_whole_and_alone() {
    let log = LogFile::new();
    let mut file = log.open(100, 5);
    write(&mut file, &(line('a', 10) + &line('b', 250) + &line('c', 10)));
    assert_eq!(log.files(), [line('c', 10), line('b', 250), line('a', 10)]);
}

#[test]
fn a_long_line_in_an_empty_file_is_no_reason_to_rotate_before() {
    let log = LogFile::new();
    write(&mut log.open(100, 5), &line('a', 250));
    assert_eq!(log.files(), [line('a', 250)]);
}

#[test]
fn only_so_many_are_kept_and_the_first_is_the_newest() {
    for keep in [1, 2, 3] {
        let log = LogFile::new();
        let mut file = log.open(10, keep);
        for letter in "abcdef".chars() {
            write(&mut file, &line(letter, 10));
        }
        let newest: Vec<String> = "fedcba".chars().take(keep + 1).map(|c| line(c, 10)).collect();
        assert_eq!(log.files(), newest);
    }
}

/// However the lines come, none is lost, doubled, split or out of order.
#[test]
fn every_line_is_in_one_file_in_order() {
    for (rotate_at, batch) in [(1, 1), (10, 3), (64, 7), (100, 200), (4096, 33), (100_000, 100)] {
        let log = LogFile::new();
        let mut file = log.open(rotate_at, 250);
        let lines: Vec<String> =
            (0..200).map(|n| format!("{n} {}\n", "x".repeat(n * 7 % 90))).collect();
        for some in lines.chunks(batch) {
            write(&mut file, &some.concat());
        }
        let files = log.files();
        for file in &files {
            assert!(file.ends_with('\n'), "a line was split");
            let alone = file.matches('\n').count() == 1;
            assert!(file.len() as u64 <= rotate_at || alone, "{} bytes", file.len());
        }
        let written: String = files.into_iter().rev().collect();
        assert!(written == lines.concat(), "rotating at {rotate_at}, in batches of {batch}");
    }
}

#[test]
fn a_file_of_an_earlier_period_is_rotated_with_the_first_line_and_one_of_this_is_not() {
    const HOUR: Duration = Duration::from_secs(3600);
    for (period, longest) in [(Period::Day, 25), (Period::Week, 8 * 24), (Period::Month, 32 * 24)] {
        let log = LogFile::new();
        let rotation = Rotation { every: Some(period), ..Rotation::default() };
        let open = || RotatingFile::open(&log.path(), settings(rotation)).unwrap();
        write(&mut open(), "old\n");
        write(&mut open(), "of this period\n");
        let file = fs::File::options().append(true).open(log.path()).unwrap();
        file.set_modified(SystemTime::now() - longest * HOUR).unwrap();
        let mut file = open();
        write(&mut file, "new\n");
        write(&mut file, "of this period\n");
        assert_eq!(log.files(), ["new\nof this period\n", "old\nof this period\n"], "{period:?}");
    }
}

#[test]
fn a_change_of_other_settings_does_not_end_a_period_early_or_late() {
    let log = LogFile::new();
    fs::write(log.path(), "old\n").unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(25 * 3600);
    fs::File::open(log.path()).unwrap().set_modified(long_ago).unwrap();
    let rotation = Rotation { every: Some(Period::Day), ..Rotation::default() };
    let mut file = RotatingFile::open(&log.path(), settings(rotation)).unwrap();
    file.change(FileChange { rotation: Rotation { keep: 3, ..rotation }, mode: None });
    write(&mut file, "new\n");
    assert_eq!(log.files(), ["new\n", "old\n"]);
    write(&mut file, "newer\n");
    file.change(FileChange { rotation: Rotation { every: None, ..rotation }, mode: None });
    file.change(FileChange { rotation, mode: None });
    write(&mut file, "newest\n");
    assert_eq!(log.files(), ["new\nnewer\nnewest\n", "old\n"]);
}

#[test]
fn a_period_ends_at_midnight_of_its_last_day() {
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second() as u64;
    let clock = Clock::utc();
    let sunday = UNIX_EPOCH + Duration::from_secs(time("2026-11-29T23:59:59Z"));
    for (period, end) in [
        (Period::Day, "2026-11-30T00:00:00Z"),
        (Period::Week, "2026-11-30T00:00:00Z"),
        (Period::Month, "2026-12-01T00:00:00Z"),
    ] {
        assert_eq!(seconds(clock.end_of(period, sunday).unwrap()), time(end), "{period:?}");
    }
    let monday = UNIX_EPOCH + Duration::from_secs(time("2026-11-30T00:00:00Z"));
    let end = clock.end_of(Period::Week, monday).unwrap();
    assert_eq!(seconds(end), time("2026-12-07T00:00:00Z"));
}

#[test]
fn on_request_the_file_is_moved_on() {
    let log = LogFile::new();
    let mut file = log.open(100, 3);
    write(&mut file, "before\n");
    file.rotate_or_reopen();
    write(&mut file, "after\n");
    assert_eq!(log.files(), ["after\n", "before\n"]);
}

#[test]
fn on_request_a_new_file_takes_the_place_of_one_that_was_moved_away() {
    let log = LogFile::new();
    let mut file = log.open(100, 3);
    write(&mut file, "before\n");
    let elsewhere = log.directory.path().join("elsewhere");
    fs::rename(log.path(), &elsewhere).unwrap();
    write(&mut file, "between\n");
    file.rotate_or_reopen();
    write(&mut file, "after\n");
    assert_eq!(log.files(), ["after\n"]);
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), "before\nbetween\n");
}

#[test]
fn on_request_the_file_that_somebody_put_in_its_place_is_used() {
    let log = LogFile::new();
    let mut file = log.open(100, 3);
    write(&mut file, "before\n");
    fs::rename(log.path(), log.directory.path().join("elsewhere")).unwrap();
    fs::write(log.path(), line('x', 90)).unwrap();
    file.rotate_or_reopen();
    write(&mut file, "after\n");
    assert_eq!(log.files(), [line('x', 90) + "after\n"]);
    write(&mut file, "again\n");
    assert_eq!(log.files(), ["again\n".to_owned(), line('x', 90) + "after\n"], "its length counts");
}

/// A log that can't be rotated: a directory stands where the rotated file should.
fn blocked() -> (LogFile, RotatingFile) {
    let log = LogFile::new();
    fs::create_dir(named_after(&log.path(), 1)).unwrap();
    let file = log.open(10, 1);
    (log, file)
}

#[test]
fn when_a_rotation_fails_the_log_goes_on_and_says_so_once() {
    let (log, mut file) = blocked();
    write(&mut file, &line('a', 10));
    assert_eq!(file.take_problem(), None);
    write(&mut file, &line('b', 10));
    let problem = file.take_problem().unwrap();
    assert!(problem.starts_with("can't rotate the log: "), "{problem}");
    assert!(problem.ends_with("; logging continues in the file that is open"), "{problem}");
    write(&mut file, &line('c', 10));
    assert_eq!(file.take_problem(), None);
    let all = line('a', 10) + &line('b', 10) + &line('c', 10);
    assert_eq!(fs::read_to_string(log.path()).unwrap(), all);
}

#[test]
fn after_a_failed_rotation_a_request_tries_again() {
    let (log, mut file) = blocked();
    write(&mut file, &(line('a', 10) + &line('b', 10)));
    assert!(file.take_problem().is_some());
    file.rotate_or_reopen();
    assert!(file.take_problem().is_some(), "whoever asks is answered");
    fs::remove_dir(named_after(&log.path(), 1)).unwrap();
    file.rotate_or_reopen();
    assert_eq!(file.take_problem(), None);
    write(&mut file, "after\n");
    assert_eq!(log.files(), ["after\n".to_owned(), line('a', 10) + &line('b', 10)]);
}

#[test]
fn a_file_whose_place_is_lost_goes_on_being_written() {
    let log = LogFile::new();
    let mut file = log.open(100, 3);
    let elsewhere = log.directory.path().join("elsewhere");
    fs::rename(log.path(), &elsewhere).unwrap();
    fs::create_dir(log.path()).unwrap();
    file.rotate_or_reopen();
    let problem = file.take_problem().unwrap();
    assert!(problem.ends_with("; logging continues in the file that is open"), "{problem}");
    write(&mut file, "after\n");
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), "after\n");
}

#[test]
fn lines_that_can_t_be_written_are_counted() {
    let mut file =
        RotatingFile::open(Path::new("/dev/full"), settings(Rotation::default())).unwrap();
    let lost = file.write_lines(b"one\ntwo\nthree\n").err().unwrap();
    assert_eq!((lost.lines, lost.why.kind()), (3, std::io::ErrorKind::StorageFull));
}

#[test]
fn what_is_not_a_regular_file_is_never_rotated() {
    let log = LogFile::new();
    symlink("/dev/null", log.path()).unwrap();
    let mut file = log.open(10, 3);
    write(&mut file, &line('a', 100));
    file.rotate_or_reopen();
    write(&mut file, &line('b', 100));
    assert_eq!(file.take_problem(), None);
    assert_eq!(fs::read_link(log.path()).unwrap(), Path::new("/dev/null"));
}

#[test]
fn a_log_that_can_t_be_opened_is_an_error() {
    let rotation = Rotation::default();
    assert!(RotatingFile::open(Path::new("/"), settings(rotation)).is_err());
    assert!(RotatingFile::open(Path::new("/nowhere/test.log"), settings(rotation)).is_err());
}
