//! What appears on a terminal.

use crate::client;
use crate::servers::{Down, Gate, Server, say, up};
use crate::support::{ECSTASY, until};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::FromRawFd;
use std::process::{Child, Command};
use std::ptr::null_mut;
use std::sync::{Arc, Mutex};
use std::thread;

/// A terminal of 80 columns, and what has been written to it.
struct Terminal {
    line: File,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    fn open() -> Self {
        let (mut outer, line) = ends_of_a_terminal();
        let screen: Arc<Mutex<String>> = Arc::default();
        let written = screen.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = outer.read(&mut bytes) {
                written.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { line, screen }
    }

    fn start(&self, command: &mut Command) -> Child {
        command.env("TERM", "xterm").stderr(self.line.try_clone().unwrap()).spawn().unwrap()
    }

    fn wait_for(&self, text: &str) {
        until(text, || self.screen.lock().unwrap().contains(text));
    }
}

/// Both ends of a line to a terminal of 80 columns: the terminal's, and the one that programs write to.
fn ends_of_a_terminal() -> (File, File) {
    let (mut outer, mut inner) = (0, 0);
    let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the pointers are to where results belong or null; the descriptors are nobody else's.
    unsafe {
        let opened = libc::openpty(&mut outer, &mut inner, null_mut(), null_mut(), &size);
        assert_eq!(opened, 0);
        // Else a program has both ends.
        assert_eq!(libc::fcntl(outer, libc::F_SETFD, libc::FD_CLOEXEC), 0);
        (File::from_raw_fd(outer), File::from_raw_fd(inner))
    }
}

fn wait(mut child: Child) -> Option<i32> {
    until("the client's end", || child.try_wait().unwrap().is_some());
    child.wait().unwrap().code()
}

#[test]
fn a_terminal_shows_how_each_poem_gets_on_and_poems_go_where_they_should() {
    let gate = Gate::default();
    let rest_may_come = gate.clone();
    let halting = Server::start(move |mut stream, _| {
        stream.write_all(&ECSTASY[..1234]).unwrap();
        rest_may_come.wait();
        say(stream, &ECSTASY[1234..]);
    });
    let (terminal, mut printed) = (Terminal::open(), tempfile::tempfile().unwrap());
    let mut command = client(&halting.to_string());
    let child = terminal.start(command.stdout(printed.try_clone().unwrap()));
    terminal.wait_for(&format!("{halting}       1234 bytes"));
    terminal.wait_for("B/s  receiving");
    gate.open();
    assert_eq!(wait(child), Some(0));
    terminal.wait_for(&format!("{halting}: 3003 bytes in "));
    let mut poem = Vec::new();
    printed.rewind().unwrap();
    printed.read_to_end(&mut poem).unwrap();
    assert_eq!(poem, ECSTASY);
}

#[test]
fn what_follows_a_poem_on_a_terminal_starts_on_its_own_line() {
    let (terminal, up, down) = (Terminal::open(), up(b"no end"), Down::new());
    let mut command = client(&format!("{up} {down}"));
    let child = terminal.start(command.stdout(terminal.line.try_clone().unwrap()));
    assert_eq!(wait(child), Some(1));
    terminal.wait_for("no end\r\n");
    terminal.wait_for("get-poetry: 1 of 2 poems could not be fetched:");
}

#[test]
fn a_terminal_without_a_cursor_gets_plain_lines() {
    let (terminal, up) = (Terminal::open(), up(b"poem\n"));
    let mut command = client(&up.to_string());
    let child = command.env("TERM", "dumb").stdout(std::process::Stdio::null());
    let child = child.stderr(terminal.line.try_clone().unwrap()).spawn().unwrap();
    assert_eq!(wait(child), Some(0));
    terminal.wait_for(" s\r\n");
    let screen = terminal.screen.lock().unwrap();
    assert!(screen.starts_with(&format!("{up}: 5 bytes in ")), "{screen:?}");
    assert!(!screen.contains('\x1b'), "{screen:?}");
}

#[test]
fn a_terminal_that_goes_away_changes_nothing_about_the_poem() {
    let gate = Gate::default();
    let rest_may_come = gate.clone();
    let halting = Server::start(move |mut stream, _| {
        stream.write_all(&ECSTASY[..1234]).unwrap();
        rest_may_come.wait();
        say(stream, &ECSTASY[1234..]);
    });
    let (outer, line) = ends_of_a_terminal();
    let mut printed = tempfile::tempfile().unwrap();
    let mut command = client(&halting.to_string());
    let command = command.env("TERM", "xterm").stderr(line);
    let child = command.stdout(printed.try_clone().unwrap()).spawn().unwrap();
    until("a connection", || halting.connections() == 1);
    drop(outer); // what is written to the line from now on is an error
    gate.open();
    assert_eq!(wait(child), Some(0));
    let mut poem = Vec::new();
    printed.rewind().unwrap();
    printed.read_to_end(&mut poem).unwrap();
    assert_eq!(poem, ECSTASY);
}
