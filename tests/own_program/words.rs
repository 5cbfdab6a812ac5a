//! What is not said through `tracing`, or before there is a log, is in the log all the same.

use crate::errors::{muse, start, stop};
use crate::support::{Background, LIMIT, Sandbox, run, stderr, through, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::net::UnixDatagram;

/// The messages of a log, with their services and without their times, in which this text is.
fn messages<'a>(log: &'a str, text: &str) -> Vec<&'a str> {
    let lines = log.lines().filter(|line| line.contains(text));
    lines.map(|line| line.split_once(" [").unwrap().1).collect()
}

pub fn an_event_while_the_application_is_made_comes_first_in_the_log() {
    let sandbox = Sandbox::new();
    let log = stop(&sandbox, &start(&sandbox, "nothing"));
    let first = log.lines().next().unwrap();
    assert!(first.ends_with("+0000 [-] warning: the muse is tired"), "{log}");
    assert!(!log.contains("yawning"), "the level was not honoured:\n{log}");
}

pub fn an_event_while_the_application_cant_be_made_is_at_the_terminal() {
    let sandbox = Sandbox::new();
    let output = run(muse(&sandbox, "warn and fail to make", &[]));
    let said = stderr(&output);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines.len(), messages(&said, "tired").len()), (2, 1), "{said}");
    assert!(lines.contains(&"muse: asleep"), "{said}");
}

pub fn records_of_the_log_crate_are_in_the_log_if_its_level_lets_them() {
    let sandbox = Sandbox::new();
    let log = stop(&sandbox, &start(&sandbox, "record"));
    assert_eq!(messages(&log, "record"), ["clio] warning: a record target=library"]);
}

pub fn the_panics_of_tasks_and_threads_are_in_the_log_with_their_service() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "panic in tasks");
    until("both panics", || {
        let log = sandbox.read("muse.log");
        !messages(&log, "in a task").is_empty() && !messages(&log, "in a thread").is_empty()
    });
    let log = stop(&sandbox, &daemon);
    let place = "error: panicked at tests/own_program/muse.rs:";
    for (text, service) in [("in a task", "-"), ("in a thread", "clio")] {
        let [message] = messages(&log, text)[..] else { panic!("{log}") };
        assert!(message.starts_with(&format!("{service}] {place}")), "{log}");
    }
}

pub fn what_is_printed_comes_into_the_log_line_by_line_to_the_last_without_an_end() {
    let sandbox = Sandbox::new();
    let log = stop(&sandbox, &start(&sandbox, "print"));
    assert!(log.contains("before there are threads\n"), "{log}");
    let expected = ["-] stdout: one", r"-] stdout: two\u{1b}", "-] stdout: three"];
    assert_eq!(messages(&log, "stdout: "), expected, "{log}");
}

pub fn who_keeps_standard_output_locked_does_not_keep_the_daemon_from_its_end() {
    let sandbox = Sandbox::new();
    let log = stop(&sandbox, &start(&sandbox, "lock"));
    assert!(log.contains("stopped cleanly"), "{log}");
}

pub fn a_line_of_more_than_64_kib_is_split() {
    let sandbox = Sandbox::new();
    let log = stop(&sandbox, &start(&sandbox, "print at length"));
    let parts = messages(&log, "stdout: ");
    let lengths = parts.iter().map(|part| part.matches('x').count());
    assert_eq!(lengths.sum::<usize>(), 150_000);
    assert_eq!(parts.len(), 3);
}

pub fn what_a_child_writes_is_in_the_log() {
    let sandbox = Sandbox::new();
    let log = stop(&sandbox, &start(&sandbox, "run a child"));
    assert_eq!(messages(&log, "stdout: "), ["-] stdout: out"]);
    assert_eq!(log.lines().filter(|line| *line == "err").count(), 1, "{log}");
}

pub fn after_a_rotation_standard_error_is_the_new_file() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "complain");
    let complains = |name: &str| {
        fs::read_to_string(sandbox.path(name)).is_ok_and(|text| text.contains("complaint "))
    };
    until("a complaint", || complains("muse.log"));
    daemon.signal(Signal::SIGUSR1);
    until("a complaint after the rotation", || complains("muse.log.1") && complains("muse.log"));
    let log = stop(&sandbox, &daemon);
    let all = sandbox.read("muse.log.1") + &log;
    let numbers = all.lines().filter_map(|line| line.strip_prefix("complaint ")?.parse().ok());
    let numbers: Vec<usize> = numbers.collect();
    assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>(), "a complaint is lost");
}

pub fn of_20_aborts_every_last_word_is_in_the_log() {
    for _ in 0..20 {
        let sandbox = Sandbox::new();
        let _ = run(muse(&sandbox, "abort", &[])); // dies before or after it is ready
        until("the last words", || sandbox.read("muse.log").contains("the last words"));
    }
}

pub fn a_child_that_keeps_standard_output_does_not_keep_the_daemon_from_its_end() {
    let sandbox = Sandbox::new();
    let daemon = start(&sandbox, "leave a child");
    let mut child = None;
    let tasks = format!("/proc/{}/task", daemon.pid);
    for task in fs::read_dir(tasks).unwrap() {
        let text = fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
        child = child.or(text.split_whitespace().next().map(|pid| pid.parse::<i32>().unwrap()));
    }
    let log = stop(&sandbox, &daemon);
    assert!(log.contains("stopped cleanly"), "{log}");
    kill(Pid::from_raw(child.unwrap_or_else(|| panic!("there is no child"))), Signal::SIGKILL)
        .unwrap();
}

pub fn with_syslog_both_streams_go_to_syslog() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("dev")).unwrap();
    let syslog = UnixDatagram::bind(sandbox.path("dev/log")).unwrap();
    syslog.set_read_timeout(Some(LIMIT)).unwrap();
    let script = format!(
        "touch '{0}/null' && mount --bind /dev/null '{0}/null' && mount --rbind '{0}' /dev && exec \"$0\" \"$@\"",
        sandbox.path("dev").display()
    );
    let command = muse(&sandbox, "run a child", &["--syslog"]);
    let command = through(&["unshare", "--mount", "sh", "-c", &script], &command);
    let launch = std::thread::spawn(move || run(command));
    let (mut packets, mut buffer) = (String::new(), [0; 1024]);
    let wanted = ["stdout: out", "error: stderr: err", "] ready"];
    while !wanted.iter().all(|text| packets.contains(text)) {
        let length = syslog.recv(&mut buffer).unwrap_or_else(|e| panic!("{e} after\n{packets}"));
        packets += &format!("{}\n", String::from_utf8_lossy(&buffer[..length]));
    }
    assert!(launch.join().unwrap().status.success());
    let daemon = Background::of(&sandbox.path("muse.pid"));
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
}
