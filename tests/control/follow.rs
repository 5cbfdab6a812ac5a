//! `status --follow`, on a terminal and elsewhere.

use crate::assert_says;
use crate::commands::{TREE, tree};
use crate::support::terminal::{Terminal, Written};
use crate::support::{Background, ECSTASY, Foreground, LIMIT, Sandbox, command, fetch, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// The client on a terminal. Killed when dropped.
struct Board {
    terminal: Terminal,
    written: Written,
    client: Child,
}

impl Board {
    /// Starts it in a window of that size.
    fn start(mut command: Command, rows: u16, columns: u16) -> Self {
        let terminal = Terminal::open();
        terminal.resize(rows, columns);
        let written = terminal.written();
        terminal.attach(command.env("TERM", "xterm").env("NO_COLOR", "1"));
        let client = command.spawn().unwrap();
        Self { terminal, written, client }
    }

    fn of(sandbox: &Sandbox) -> Self {
        Self::start(sandbox.poetryd(&["status", "--follow"]), 24, 80)
    }

    /// The lines of the last text that has been drawn whole.
    fn lines(&self) -> Vec<String> {
        let written = self.written.text().replace("\r\r\n", "\r\n"); // the terminal adds one
        let mut frames: Vec<&str> = written.split("\x1b[H").skip(1).collect();
        frames.pop(); // there may be more of it
        let frame = frames.last().copied().unwrap_or_default().replace("\x1b[K", "");
        let frame = frame.replace("\r\n\x1b[J", "");
        assert!(!frame.contains('\x1b'), "{frame:?}");
        frame.split("\r\n").map(str::to_owned).collect()
    }

    fn wait_for(&self, what: &str) {
        until(what, || self.lines().iter().any(|line| line.contains(what)));
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.client.id() as i32), signal).unwrap();
    }

    /// Waits for its end: all that it has written, and how it has ended.
    fn end(mut self) -> (ExitStatus, String) {
        until("the end", || self.client.try_wait().unwrap().is_some());
        until("the last bytes", || self.written.text().ends_with(LEAVE));
        (self.client.wait().unwrap(), self.written.text())
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

pub fn on_a_terminal_it_is_drawn_anew_in_place_and_shows_rates() {
    let sandbox = Sandbox::new();
    let daemon = tree(&sandbox);
    let address = daemon.address("night.fast");
    let board = Board::of(&sandbox);
    board.wait_for("     0/s  open 0, served 0, cut 0   127.0.0.1:");
    until("a rate", || {
        assert_eq!(fetch(address).unwrap(), ECSTASY);
        let lines = board.lines();
        lines.iter().any(|line| line.contains("/s  open ") && !line.contains(" 0/s"))
    });
    assert_eq!(board.lines().len(), 4);
    assert_says(&sandbox.run(&["service", "stop", "night.fast"]), 0, &[]);
    board.wait_for("  fast   tcp    stopped");
    assert_says(&sandbox.run(&["service", "start", "night.fast"]), 0, &[]);
    board.wait_for("  fast   tcp    running");
    let written = board.written.text();
    assert!(written.starts_with(&format!("{ENTER}\x1b[H")), "{written:?}");
    assert_eq!(written.matches(ENTER).count(), 1);
    assert!(!written.contains("\x1b[2J"), "it flickers: {written:?}");
}

pub fn ctrl_c_ends_it_with_status_0_and_the_terminal_is_as_before() {
    let sandbox = Sandbox::new();
    let _daemon = tree(&sandbox);
    let mut board = Board::of(&sandbox);
    board.wait_for("night");
    board.terminal.press_ctrl_c();
    let (status, written) = board.end();
    assert_eq!(status.code(), Some(0));
    assert_eq!((written.matches(ENTER).count(), written.matches(LEAVE).count()), (1, 1));
}

pub fn sigterm_ends_it_as_usual_and_the_terminal_is_as_before() {
    let sandbox = Sandbox::new();
    let _daemon = tree(&sandbox);
    for signal in [Signal::SIGTERM, Signal::SIGQUIT] {
        let board = Board::of(&sandbox);
        board.wait_for("night");
        board.signal(signal);
        let (status, written) = board.end();
        assert_eq!(status.signal(), Some(signal as i32));
        assert_eq!(written.matches(LEAVE).count(), 1);
    }
}

/// A daemon that does not answer keeps nobody from Ctrl-C.
pub fn it_ends_even_while_the_daemon_is_stopped() {
    let sandbox = Sandbox::new();
    let daemon = tree(&sandbox);
    let mut board = Board::of(&sandbox);
    board.wait_for("night");
    daemon.signal(Signal::SIGSTOP);
    board.wait_for("no answer since ");
    // The reason is in as many lines as it needs.
    until("the reason", || board.lines().concat().contains("it has not answered for 3 s"));
    board.terminal.press_ctrl_c();
    assert_eq!(board.end().0.code(), Some(0));
    daemon.signal(Signal::SIGCONT);
}

pub fn ctrl_z_shows_the_shell_and_fg_shows_it_again() {
    let sandbox = Sandbox::new();
    let _daemon = tree(&sandbox);
    // The shell makes a job of it, says when it has stopped, and continues it.
    let client = sandbox.poetryd(&["status", "--follow"]);
    let mut shell = command("bash");
    let script = "set -m; \"$0\" status --follow; echo STOPPED $?; read _; fg; echo ENDED $?";
    shell.args(["-c", script]).arg(client.get_program());
    shell.current_dir(sandbox.path(""));
    let mut board = Board::start(shell, 24, 80);
    board.wait_for("night");
    board.terminal.press(b"\x1a");
    until("the shell", || board.written.text().contains("STOPPED 148"));
    let written = board.written.text();
    let (before, after) = written.split_once("STOPPED").unwrap();
    assert!(before.contains(LEAVE) && !after.contains("\x1b["), "{written:?}");
    board.terminal.press(b"\n");
    until("the same again", || board.written.text().matches(ENTER).count() == 2);
    board.terminal.press_ctrl_c();
    until("the shell", || board.written.text().contains("ENDED 0"));
    assert_eq!(board.written.text().matches(LEAVE).count(), 2);
}

pub fn it_is_never_larger_than_the_window() {
    let sandbox = Sandbox::new();
    let poem = |n| format!("[services.poem-{n}]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n");
    sandbox.write("tree.toml", &(TREE.to_owned() + &(0..30).map(poem).collect::<String>()));
    let _daemon = Foreground::start(sandbox.poetryd(&["--nodaemon", "tree.toml"])).ready();
    let board = Board::start(sandbox.poetryd(&["status", "--follow"]), 10, 30);
    let has = |rows: usize, columns: usize| {
        let lines = board.lines();
        let fits = lines.iter().all(|line| line.chars().count() <= columns);
        fits && lines.len() == rows
    };
    until("ten rows", || has(10, 30));
    assert_eq!(board.lines()[9], "... and 25 more"); // 34 lines, of which 9 are shown
    assert!(board.lines()[0].ends_with('…'));
    board.terminal.resize(40, 100);
    until("all rows", || has(34, 100));
    board.terminal.resize(3, 25);
    until("three rows", || has(3, 25));
    assert_eq!(board.lines()[2], "... and 32 more");
}

pub fn a_daemon_that_is_gone_is_waited_for() {
    let sandbox = Sandbox::new();
    let start = || sandbox.background(&["fast.toml"]);
    let first: Background = start();
    let board = Board::of(&sandbox);
    board.wait_for(&format!("is running with pid {}", first.pid));
    assert_says(&sandbox.run(&["stop"]), 0, &[]);
    board.wait_for("poetryd is not running since 2");
    assert_eq!(board.lines().len(), 1);
    let second = start();
    board.wait_for(&format!("is running with pid {}", second.pid));
    assert_eq!(board.lines().len(), 3);
}

/// The client with a pipe as its standard output.
fn piped(mut command: Command) -> (Child, BufReader<impl Read>) {
    let mut client = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(client.stdout.take().unwrap());
    (client, lines)
}

fn next_line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line
}

pub fn elsewhere_tables_follow_one_another_until_nobody_reads_them() {
    let sandbox = Sandbox::new();
    let daemon = tree(&sandbox);
    let (mut client, mut lines) = piped(sandbox.poetryd(&["status", "--follow"]));
    for _ in 0..2 {
        let table: Vec<String> = (0..5).map(|_| next_line(&mut lines)).collect();
        let header = format!("poetryd {} is running with pid ", env!("CARGO_PKG_VERSION"));
        assert!(table[0].starts_with(&header), "{table:?}");
        assert!(table[3].starts_with("  fast   tcp    running "), "{table:?}");
        assert_eq!(table[4], "\n");
        assert!(!table.concat().contains('\x1b'));
    }
    drop(lines);
    until("the end", || client.try_wait().unwrap().is_some());
    assert_eq!(client.wait().unwrap().code(), Some(0));
    drop(daemon);
}

pub fn a_terminal_without_a_cursor_gets_tables() {
    let sandbox = Sandbox::new();
    let _daemon = tree(&sandbox);
    let mut client = sandbox.poetryd(&["status", "--follow"]);
    let terminal = Terminal::open();
    let written = terminal.written();
    terminal.attach(client.env("TERM", "dumb").env("NO_COLOR", "1"));
    let mut client = client.spawn().unwrap();
    until("two tables", || written.text().matches("\r\n\r\npoetryd ").count() >= 2);
    assert!(!written.text().contains('\x1b'), "{:?}", written.text());
    client.kill().unwrap();
    client.wait().unwrap();
}

pub fn as_json_it_is_one_document_per_line() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.foreground();
    let (mut client, mut lines) = piped(sandbox.poetryd(&["status", "--follow", "--json"]));
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&next_line(&mut lines)).unwrap() };
    for _ in 0..2 {
        let document = next();
        assert_eq!((&document["schema"], &document["ready"]), (&1.into(), &true.into()));
        assert_eq!(document["pid"], daemon.pid().as_raw());
    }
    daemon.stop();
    let gone = (0..LIMIT.as_secs()).map(|_| next()).find(|document| document["ready"] == false);
    let mut gone = gone.unwrap();
    while gone["error"] != "not running" {
        gone = next(); // while it was stopping
    }
    let since = gone["since"].clone();
    assert_eq!(gone["schema"], 1);
    assert_eq!((&next()["since"], gone.as_object().unwrap().len()), (&since, 4));
    let again = sandbox.foreground();
    let back = (0..LIMIT.as_secs()).map(|_| next()).find(|document| document["ready"] == true);
    assert_eq!(back.unwrap()["pid"], again.pid().as_raw());
    kill(Pid::from_raw(client.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(0));
}

pub fn a_daemon_can_not_send_anything_to_the_terminal_that_it_would_obey() {
    let sandbox = Sandbox::new();
    let escape = "\\u001b]0;a\\u0007";
    let status = format!(
        "{{\"schema\":1,\"program\":\"{escape}\",\"version\":null,\"pid\":1,\"origin\":\"{escape}\",\
         \"phase\":\"{escape}\",\"ready\":true,\"started\":\"{escape}\",\"since\":\"\",\"workers\":1,\
         \"last_reload\":null,\"services\":[],\"draining\":[]}}"
    );
    let refusal = format!("{{\"schema\":1,\"error\":\"{escape}\",\"is_mistake\":false}}");
    let fake = UnixListener::bind(sandbox.path("fake.sock")).unwrap();
    let answers = [("200 OK", status.clone()), ("409 No", refusal), ("200 OK", status)];
    let fake = thread::spawn(move || {
        for (code, body) in answers {
            let (mut client, _) = fake.accept().unwrap();
            let _ = client.read(&mut [0; 1000]).unwrap();
            let head = format!("HTTP/1.1 {code}\r\ncontent-length: {}\r\n\r\n", body.len());
            client.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    let args = ["status", "--follow", "--control", "fake.sock"];
    let board = Board::start(sandbox.poetryd(&args), 24, 200);
    let harmless = "\\u{1b}]0;a\\u{7}";
    board.wait_for(&format!("{harmless} is {harmless} with pid 1 since an unknown time"));
    until("the refusal", || board.lines().iter().any(|line| line == harmless));
    board.wait_for("poetryd is not running since ");
    fake.join().unwrap();
    assert!(!board.written.text().contains('\x07'));
}

pub fn without_a_control_socket_or_a_daemon_it_says_why_it_can_not() {
    let sandbox = Sandbox::new();
    let follow = |more: &[&str]| sandbox.run(&[&["status", "--follow"], more].concat());
    assert_says(&follow(&[]), 3, &["not running: no process holds the pid file"]);
    let args = ["--nodaemon", "--control", "", "fast.toml"];
    let daemon = Foreground::start(sandbox.poetryd(&args)).ready();
    let why = "no process listens on it; --follow needs the control socket";
    assert_says(&follow(&[]), 1, &[why]);
    let why = "the daemon has no control socket; --follow needs the control socket";
    assert_says(&follow(&["--control", ""]), 1, &[why]);
    daemon.stop();
}
