//! A shell into which commands are typed one after the other.

use crate::session::Place;
use crate::support::until;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// Marks the end of what a command has printed.
const END: &str = "=== end of a command";

/// A bash. It ends when it is dropped, and with it what it has left running, if it has processes of its own.
pub struct Shell {
    bash: Child,
    input: Option<ChildStdin>,
    out: Receiver<String>,
    err: Receiver<String>,
    /// Where to put what programs in the foreground print.
    outputs: PathBuf,
    started: usize,
}

/// What a command has printed, and how it ended.
pub struct Printed {
    pub out: Vec<String>,
    pub err: Vec<String>,
    pub status: i32,
}

/// A program that runs until it is interrupted.
pub struct Program {
    job: String,
    output: PathBuf,
    ended: PathBuf,
}

impl Shell {
    pub fn new(place: &dyn Place) -> Self {
        let mut command = place.bash();
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut bash = command.spawn().unwrap();
        let out = lines_of(bash.stdout.take().unwrap());
        let err = lines_of(bash.stderr.take().unwrap());
        let input = bash.stdin.take();
        let mut shell = Self { bash, input, out, err, outputs: place.outputs(), started: 0 };
        // Each command has a process group of its own, as in a terminal.
        let prepared = shell.run(&format!("set -m\n{}", place.preparation()));
        assert_eq!(prepared.status, 0, "{:?}", prepared.err);
        shell
    }

    fn send(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Runs a command to its end.
    pub fn run(&mut self, command: &str) -> Printed {
        let word = quoted(command);
        // The status is there for the next command, too, as `$?`.
        self.send(&format!(
            "eval {word} < /dev/null; s=$?; echo '{END}' >&2; echo '{END}' $s; (exit $s)"
        ));
        let (err, _) = lines_up_to_end(&self.err, command);
        let (out, status) = lines_up_to_end(&self.out, command);
        Printed { out, err, status: status.trim().parse().unwrap() }
    }

    /// Starts a command in a terminal of its own.
    pub fn start(&mut self, command: &str) -> Program {
        self.started += 1;
        let output = self.outputs.join(format!("{}.out", self.started));
        let ended = self.outputs.join(format!("{}.ended", self.started));
        let (command, file) = (quoted(command), output.display());
        // An interrupt is for the program, not for the shell that tells of its end.
        let whole = format!(
            "{{ trap : INT; eval {command}; echo > '{}'; }} > '{file}' 2>&1 < /dev/null &",
            ended.display()
        );
        let printed = self.run(&format!("{whole}\necho $!"));
        Program { job: printed.out[0].clone(), output, ended }
    }

    /// Ctrl-C in the terminal of a program.
    pub fn interrupt(&mut self, program: &Program) {
        self.run(&format!("kill -INT -- -{}", program.job));
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.bash.wait();
    }
}

impl Program {
    /// Waits for its end, and returns all that it has printed.
    pub fn to_its_end(&self) -> Vec<String> {
        until("the end of a program that was interrupted", || self.ended.exists());
        self.printed()
    }

    /// All that it has printed so far.
    pub fn printed(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.output).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn quoted(command: &str) -> String {
    format!("'{}'", command.replace('\'', "'\\''"))
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(stream).split(b'\n').map_while(Result::ok);
        lines.try_for_each(|line| sender.send(String::from_utf8_lossy(&line).into_owned()))
    });
    receiver
}

/// The lines printed before the mark, and the rest of the line after the mark.
fn lines_up_to_end(lines: &Receiver<String>, command: &str) -> (Vec<String>, String) {
    let mut before = Vec::new();
    loop {
        let line = lines.recv_timeout(crate::support::LIMIT);
        let line = line.unwrap_or_else(|_| panic!("{command:?} does not end; so far {before:?}"));
        // What a command has printed last need not end in a newline.
        if let Some((last, behind)) = line.split_once(END) {
            before.extend(Some(last.to_owned()).filter(|last| !last.is_empty()));
            return (before, behind.to_owned());
        }
        before.push(line);
    }
}
