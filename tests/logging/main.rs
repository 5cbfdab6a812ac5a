//! The log: what its lines look like, and which of them there are.
//!
//! In `rotation.rs`: the log as a row of files. In `trouble.rs`: a log that can't be rotated or written.
//! In `files.rs`: whose its files are. In `device.rs`: a log that is no regular file. In `standard_output.rs`: a log that is a stream, among
//! them the journal. In `syslog.rs`: `--syslog`.

mod device;
mod files;
mod rotation;
mod standard_output;
#[path = "../support/mod.rs"]
mod support;
mod syslog;
mod trouble;

use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use support::{ECSTASY, Foreground, LIMIT, Sandbox, fast_toml, fetch, run, stderr, until};

/// Fetches a poem, which must be whole, and returns the port it was fetched from: the log has it too.
fn fetch_from(address: SocketAddr) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let port = stream.local_addr().unwrap().port();
    let mut poem = Vec::new();
    stream.read_to_end(&mut poem).unwrap();
    assert!(poem == ECSTASY, "{} bytes of {}", poem.len(), ECSTASY.len());
    port
}

/// The files of the log `poetryd.log` in a directory, the oldest first.
fn log_files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("poetryd.log")).collect();
    let age = |name: &String| name.strip_prefix("poetryd.log.").map_or(0, |n| n.parse().unwrap());
    names.sort_by_key(age);
    names.reverse();
    names
}

/// The text of all the files of a log, the oldest first. While the daemon runs, the last line may not be
/// whole yet, and a file may just be getting another name.
fn log_text(directory: &Path) -> String {
    let read = |name| fs::read_to_string(directory.join(name)).unwrap_or_default();
    log_files(directory).iter().map(read).collect()
}

/// The lines of all the files of a log whose daemon has ended, the oldest first.
fn log_lines(directory: &Path) -> Vec<String> {
    let text = log_text(directory);
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is torn");
    text.lines().map(str::to_owned).collect()
}

/// The message of a line as it must be: `2026-11-22 10:44:11+0000 [path] message`, with the path.
fn without_time(line: &str) -> &str {
    let shape = "dddd-dd-dd dd:dd:dd+dddd ";
    let alike = |(c, pattern): (char, char)| match pattern {
        'd' => c.is_ascii_digit(),
        '+' => c == '+' || c == '-',
        other => c == other,
    };
    let (time, rest) = line.split_at_checked(shape.len()).unwrap_or((line, ""));
    let whole = time.len() == shape.len() && time.chars().zip(shape.chars()).all(alike);
    assert!(whole && rest.starts_with('['), "not a whole line: {line:?}");
    rest
}

/// The ports of the peers in all the "sending" lines, in their order. Every line must be whole.
fn peers(lines: &[String]) -> Vec<u16> {
    let messages = lines.iter().map(|line| without_time(line));
    let start = "[fast] sending 3003 bytes of poetry to 127.0.0.1:";
    let sending = messages.filter(|message| message.contains("sending"));
    sending.map(|message| message.strip_prefix(start).unwrap().parse().unwrap()).collect()
}

/// The number in "N log lines were lost"; of all such lines together.
fn said_to_be_lost(lines: &[String]) -> usize {
    let number = |line: &String| -> usize {
        let (_, message) = line.split_once("] warning: ").unwrap();
        message.split_once(' ').unwrap().0.parse().unwrap()
    };
    lines.iter().filter(|line| line.contains("log lines were lost")).map(number).sum()
}

/// The application of most tests, with a `[log]` table.
fn logging_toml(log: &str) -> String {
    format!("{}\n[log]\n{log}\n", fast_toml(""))
}

#[test]
fn every_line_of_json_says_when_how_important_who_and_what() {
    let sandbox = Sandbox::new();
    let arguments = ["--nodaemon", "--log-format", "json", "fast.toml"];
    let daemon = Foreground::start(sandbox.poetryd(&arguments));
    daemon.wait_for("\"message\":\"ready\"");
    let line = daemon.wait_for("listening on ");
    let listening: Value = serde_json::from_str(&line).unwrap();
    let address = listening["message"].as_str().unwrap().rsplit(' ').next().unwrap();
    let port = fetch_from(address.parse().unwrap());
    daemon.wait_for("sending");
    let log = daemon.stop();
    let lines: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        let in_seconds = time.len() - ".123456+00:00".len();
        assert_eq!((&time[in_seconds..=in_seconds], &time[10..11]), (".", "T"), "{time}");
        for field in ["level", "service", "message"] {
            assert!(line[field].is_string(), "{field} in {line}");
        }
    }
    let about = |text: &str| {
        let says = |line: &&Value| line["message"].as_str().unwrap().contains(text);
        lines.iter().find(says).unwrap()
    };
    let sending = about("sending");
    assert_eq!(sending["level"], "info");
    assert_eq!(sending["service"], "fast");
    assert_eq!(sending["bytes"], 3003);
    assert_eq!(sending["peer"], format!("127.0.0.1:{port}"));
    let loaded = about("loaded a poem");
    assert_eq!(loaded["service"], "ecstasy");
    assert_eq!((&loaded["bytes"], &loaded["file"]), (&3003.into(), &"poetry/ecstasy.txt".into()));
    assert_eq!(about("received SIGTERM")["service"], "-");
}

/// Of all the names in a log, those of files are what can be chosen freely here; what a peer sends is not
/// logged by the protocols that there are. They all take the same way.
#[test]
fn a_control_character_in_a_name_can_neither_end_a_line_nor_reach_the_terminal() {
    let sandbox = Sandbox::new();
    sandbox.write("poetry/a\nforged \u{1b}[2J\u{9b}line", "a poem\n");
    let application = fast_toml("").replace("ecstasy.txt", "a\\nforged \\u001b[2J\\u009bline");
    sandbox.write("fast.toml", &application);
    let daemon = sandbox.foreground();
    let log = daemon.stop();
    let loaded = log.iter().find(|line| line.contains("loaded")).unwrap();
    assert!(loaded.contains(r"poetry/a\nforged \u{1b}[2J\u{9b}line (7 bytes)"), "{loaded}");
    let text = log.concat();
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(log.iter().all(|line| without_time(line).starts_with('[')));
}

#[test]
fn the_same_in_json_is_one_valid_line_too() {
    let sandbox = Sandbox::new();
    sandbox.write("poetry/a\nforged \"line", "a poem\n");
    let application = fast_toml("").replace("ecstasy.txt", "a\\nforged \\\"line");
    sandbox.write("fast.toml", &application);
    let daemon =
        Foreground::start(sandbox.poetryd(&["--nodaemon", "--log-format", "json", "fast.toml"]));
    let line: Value = serde_json::from_str(&daemon.wait_for("loaded")).unwrap();
    assert_eq!(line["file"], "poetry/a\nforged \"line");
}

#[test]
fn at_level_warn_warnings_say_whose_they_are_and_the_rest_is_hidden() {
    let sandbox = Sandbox::new();
    // The log will not tell the port, so it is chosen here: on an address that only this test uses.
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, 77, high, low);
    let free = TcpListener::bind((own, 0)).unwrap().local_addr().unwrap();
    let application = fast_toml("max-connections = 1")
        .replace("127.0.0.1", &own.to_string())
        .replace("port = 0", &format!("port = {}", free.port()));
    sandbox.write("fast.toml", &application);
    let daemon = sandbox.background(&["--log-level", "warn", "fast.toml"]);
    let first = TcpStream::connect(free).unwrap(); // has the only place as long as it is open
    let second = thread::spawn(move || fetch(free).unwrap());
    until("the warning", || !sandbox.read("poetryd.log").is_empty());
    drop(first);
    assert_eq!(second.join().unwrap(), ECSTASY);
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    let log = sandbox.read("poetryd.log");
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        without_time(&log).starts_with("[fast] warning: the connection limit (1) is reached"),
        "{log}"
    );
}

#[test]
fn the_level_of_the_application_file_is_overruled_by_the_command_line() {
    let sandbox = Sandbox::new();
    sandbox.write("fast.toml", &logging_toml("level = \"error\""));
    let quiet = sandbox.background(&["fast.toml"]);
    quiet.signal(Signal::SIGTERM);
    quiet.wait();
    assert_eq!(sandbox.read("poetryd.log"), "");
    let _daemon = sandbox.background(&["--log-level", "info", "fast.toml"]);
    until("an info", || sandbox.read("poetryd.log").contains("[-] ready"));
}

#[test]
fn a_log_that_cant_be_written_is_a_failed_start() {
    let sandbox = Sandbox::new();
    let before = sandbox.files();
    let output = run(sandbox.poetryd(&["--logfile", "nowhere/poetryd.log", "fast.toml"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nowhere/poetryd.log"), "{}", stderr(&output));
    assert_eq!(sandbox.files(), before);
}
