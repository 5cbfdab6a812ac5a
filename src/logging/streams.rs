//! Redirects what a daemon's code, its libraries and its children write to descriptors 1 and 2 into the log.
//!
//! If the log is a regular file, descriptor 2 is that file, so that it contains the last message of a process
//! that is killed or aborts. Everything else goes through a pipe, and a thread turns it into log lines. Before
//! there may be threads, descriptor 1 is the file, too; or, if there is none, both are a file in memory.

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

/// A longer line is split.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// The most that is read from memory, or from a pipe at the end.
const MAX_READ_BYTES: u64 = 1 << 20;

/// How long to wait for the log to write what was read, before more of it is lost.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);

/// The streams of a process, from the time when they are redirected.
pub(super) struct Streams {
    log: Arc<Log>,
    output: Arc<Output>,
    state: Mutex<State>,
}

enum State {
    /// They have not been redirected.
    NotTaken,
    /// Both are the log file.
    File,
    /// Both are this file in memory.
    Memory(File),
    /// These are pipes.
    Pipes(Vec<Arc<Pipe>>),
}

impl Streams {
    pub(super) fn new(log: Arc<Log>, output: Arc<Output>) -> Self {
        Self { log, output, state: Mutex::new(State::NotTaken) }
    }

    pub(super) fn are_taken(&self) -> bool {
        !matches!(*self.state.lock(), State::NotTaken)
    }

    /// Redirects both. Call this before there are other threads.
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

    /// From now on there may be other threads. Call this before the log starts its own.
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
        memory.take(MAX_READ_BYTES).read_to_end(&mut text)?;
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

    /// Logs what has been written so far.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        if !matches!(*state, State::NotTaken) {
            flush_standard_output();
        }
        match &mut *state {
            State::NotTaken | State::File => {}
            State::Memory(memory) => _ = self.say_all_of(memory), // if it can't be read, it is lost
            State::Pipes(pipes) => pipes.iter().for_each(|pipe| pipe.end()),
        }
    }
}

/// Flushes an incomplete line that this process has printed. This is done on another thread, since a thread that
/// holds the lock of standard output must not keep the process from ending.
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
    /// A line that is not complete yet.
    line: Vec<u8>,
    /// How many bytes have been logged since this last waited for the log.
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
            if part.ends_with(b"\n") || text.line.len() >= MAX_LINE_BYTES {
                self.say(&mut text);
            }
        }
        Ok(length)
    }

    /// Logs the line. Waits for the log after much text: its queue counts lines, whatever their length.
    fn say(&self, text: &mut Text) {
        let line = std::mem::take(&mut text.line);
        text.unwritten += line.len();
        if text.unwritten >= MAX_LINE_BYTES {
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
        while taken < MAX_READ_BYTES
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
