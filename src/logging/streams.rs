//! What a daemon's code, its libraries and its children write to descriptors 1 and 2 comes into the log.
//!
//! Where the log is a regular file, descriptor 2 is that file: the last words of a process that is killed or aborts
//! are in it. Everything else goes through a pipe, and a thread makes log lines of it. Before there may be threads,
//! descriptor 1 is the file, too; or, where there is none, both are a file in memory.

use super::layer::Log;
use super::lost::LostLines;
use super::output::Output;
use super::stream::Stream;
use crate::sync::Mutex;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io::{self, PipeReader, Read, Seek, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tracing::Level;

/// A line that is longer is split.
const LONGEST_LINE: usize = 64 * 1024;

/// The most that is taken from memory, or from a pipe at the end.
const MOST_AT_ONCE: u64 = 1 << 20;

/// How long the log may take to write what came, before more of it is lost.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);

/// The streams of a process, from the time on when they are taken.
pub(super) struct Streams {
    log: Arc<Log>,
    output: Arc<Output>,
    state: Mutex<State>,
}

enum State {
    /// They lead elsewhere.
    NotTaken,
    /// Both are the log file.
    File,
    /// Both are this file in memory.
    Memory(File),
    /// These come through pipes.
    Pipes(Vec<Arc<Pipe>>),
}

impl Streams {
    pub(super) fn new(log: Arc<Log>, output: Arc<Output>) -> Self {
        Self { log, output, state: Mutex::new(State::NotTaken) }
    }

    pub(super) fn are_taken(&self) -> bool {
        !matches!(*self.state.lock(), State::NotTaken)
    }

    /// Takes both. To be called before there are threads.
    pub(super) fn take(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        if self.output.lead(&[Stream::Output, Stream::Error])? {
            *state = State::File;
            return Ok(());
        }
        let memory = File::from(memfd_create("streams", MFdFlags::MFD_CLOEXEC)?);
        Stream::Output.lead_to(&memory)?;
        Stream::Error.lead_to(&memory)?;
        *state = State::Memory(memory);
        Ok(())
    }

    /// From now on there may be threads. To be called before the log has its own.
    pub(super) fn start_threads(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        match &mut *state {
            State::NotTaken | State::Pipes(_) => {}
            State::File => {
                self.output.lead(&[Stream::Error])?;
                *state = State::Pipes(vec![self.pipe(Stream::Output)?]);
            }
            State::Memory(memory) => {
                self.say_all_of(memory)?;
                *state = State::Pipes(vec![self.pipe(Stream::Output)?, self.pipe(Stream::Error)?]);
            }
        }
        Ok(())
    }

    fn say_all_of(&self, memory: &mut File) -> io::Result<()> {
        let mut text = Vec::new();
        memory.rewind()?;
        memory.take(MOST_AT_ONCE).read_to_end(&mut text)?;
        for line in String::from_utf8_lossy(&text).lines() {
            self.log.say(Level::INFO, &format!("output: {line}"));
        }
        Ok(())
    }

    fn pipe(&self, stream: Stream) -> io::Result<Arc<Pipe>> {
        let (reader, writer) = io::pipe()?;
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let (log, output) = (self.log.clone(), self.output.clone());
        let pipe = Arc::new(Pipe { stream, log, output, reader, text: Mutex::default() });
        let served = pipe.clone();
        thread::Builder::new().name(stream.name().into()).spawn(move || served.serve())?;
        stream.lead_to(writer)?;
        Ok(pipe)
    }

    /// Brings what has been written so far into the log.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        if !matches!(*state, State::NotTaken) {
            flush_standard_output();
        }
        match &mut *state {
            State::NotTaken | State::File => {}
            State::Memory(memory) => _ = self.say_all_of(memory), // else it stays unsaid
            State::Pipes(pipes) => pipes.iter().for_each(|pipe| pipe.end()),
        }
    }
}

/// Writes what this process has printed of a line without an end. On another thread, since somebody who holds
/// standard output's lock must not keep the process from its end.
fn flush_standard_output() {
    let (done, flushed) = mpsc::channel();
    let flush = move || {
        let _ = io::stdout().flush();
        let _ = done.send(());
    };
    if thread::Builder::new().name("flush".into()).spawn(flush).is_ok() {
        let _ = flushed.recv_timeout(LOG_TIMEOUT);
    }
}

/// A stream that is read here.
struct Pipe {
    stream: Stream,
    log: Arc<Log>,
    output: Arc<Output>,
    reader: PipeReader,
    text: Mutex<Text>,
}

#[derive(Default)]
struct Text {
    /// A line that has no end yet.
    line: Vec<u8>,
    /// How many bytes went to the log since it was waited for.
    unwritten: usize,
}

impl Pipe {
    fn serve(&self) {
        loop {
            let mut fds = [PollFd::new(self.reader.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut fds, PollTimeout::NONE);
            if matches!(self.read(), Ok(0)) {
                return;
            }
        }
    }

    /// Reads once, without waiting.
    fn read(&self) -> io::Result<usize> {
        let mut text = self.text.lock();
        let mut buffer = [0; 8192];
        let length = (&self.reader).read(&mut buffer)?;
        for part in buffer[..length].split_inclusive(|byte| *byte == b'\n') {
            text.line.extend_from_slice(part);
            if part.ends_with(b"\n") || text.line.len() >= LONGEST_LINE {
                self.say(&mut text);
            }
        }
        Ok(length)
    }

    /// Logs the line, and waits for the log where much was said: its channel counts lines, whatever their length.
    fn say(&self, text: &mut Text) {
        let line = std::mem::take(&mut text.line);
        text.unwritten += line.len();
        if text.unwritten >= LONGEST_LINE {
            if self.output.flush(LOG_TIMEOUT) == Err(LostLines::Stuck) {
                return self.output.count_lost(1);
            }
            text.unwritten = 0;
        }
        let line = String::from_utf8_lossy(&line);
        let line = format!("{}: {}", self.stream.name(), line.trim_end_matches(['\n', '\r']));
        self.log.say(self.stream.level(), &line);
    }

    fn end(&self) {
        let deadline = Instant::now() + LOG_TIMEOUT;
        let mut taken = 0;
        while taken < MOST_AT_ONCE
            && Instant::now() < deadline
            && let Ok(length @ 1..) = self.read()
        {
            taken += length as u64;
        }
        let mut text = self.text.lock();
        if !text.line.is_empty() {
            self.say(&mut text);
        }
    }
}
