//! Clients that read slowly, from several generations of a poem and its listener.

use super::daemon::{Daemon, TABLES, own_address};
use super::texts::text;
use crate::support::{LIMIT, Sandbox, is_running, until};
use nix::sys::signal::Signal;
use socket2::{Domain, Socket, Type};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

/// The length of a line of a text.
const LINE: usize = 16;

/// Small, so that a large poem does not fit into the buffers of a client that does not read.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// How much memory may have grown when everybody has received a poem, in kB: less than a poem takes.
const MOST_GROWTH: u64 = 4 * 1024;

/// A daemon that serves a large poem, whose text and listener change.
pub struct Generations {
    daemon: Daemon,
    address: SocketAddr,
    stop_timeout: &'static str,
    lines: usize,
    /// All texts so far.
    texts: Vec<Vec<u8>>,
    readers: Vec<Reader>,
}

/// A client, which has received the beginning of a text.
struct Reader {
    stream: TcpStream,
    text: usize,
    received: usize,
}

impl Generations {
    /// Poems have this many bytes, or a few less.
    pub fn start(size: usize, stop_timeout: &'static str) -> Self {
        let sandbox = Sandbox::new();
        let (address, lines) = (SocketAddr::from(own_address()), size / LINE);
        let texts = vec![text(0, lines)];
        fs::write(sandbox.path("poetry/large.txt"), &texts[0]).unwrap();
        let application = application(address, stop_timeout, 0);
        let daemon = Daemon::start(sandbox, &application);
        Self { daemon, address, stop_timeout, lines, texts, readers: Vec::new() }
    }

    /// Lets more clients begin with the text that is served now.
    fn add_readers(&mut self, count: usize) {
        let text = self.texts.len() - 1;
        for _ in 0..count {
            let mut reader = Reader { stream: connect(self.address), text, received: 0 };
            reader.read(LINE, &self.texts);
            self.readers.push(reader);
        }
    }

    /// Changes the text and, every other time, the listener.
    fn change(&mut self) {
        let number = self.texts.len();
        self.texts.push(text(number, self.lines));
        let mut file = fs::File::create(self.path()).unwrap();
        file.write_all(&self.texts[number]).unwrap();
        let counts =
            self.daemon.reload_as(&application(self.address, self.stop_timeout, number / 2));
        assert!(counts.contains(", 1 updated, "), "{counts}");
        let replaced = if number.is_multiple_of(2) { ", 1 replaced, " } else { ", 0 replaced, " };
        assert!(counts.contains(replaced), "{counts}");
    }

    fn path(&self) -> PathBuf {
        self.daemon.sandbox.path("poetry/large.txt")
    }

    fn read_some(&mut self, bytes: usize) {
        self.readers.iter_mut().for_each(|reader| reader.read(bytes, &self.texts));
    }

    fn read_to_the_end(&mut self) {
        self.readers.drain(..).for_each(|reader| reader.read_to_the_end(&self.texts));
    }
}

impl Reader {
    /// Reads more. It must be what comes next in its text.
    fn read(&mut self, bytes: usize, texts: &[Vec<u8>]) {
        let mut received = vec![0; bytes];
        self.stream.read_exact(&mut received).unwrap();
        let expected = &texts[self.text][self.received..self.received + bytes];
        assert!(received == expected, "not text {} at byte {}", self.text, self.received);
        self.received += bytes;
    }

    fn read_to_the_end(mut self, texts: &[Vec<u8>]) {
        let mut received = Vec::new();
        self.stream.read_to_end(&mut received).unwrap();
        let expected = &texts[self.text][self.received..];
        let lengths = (received.len(), expected.len());
        assert!(received == expected, "text {}: {lengths:?}", self.text);
    }
}

/// No timeout ends while a busy machine changes other generations.
fn application(address: SocketAddr, stop_timeout: &str, generation: usize) -> String {
    let (interface, port, generation) = (address.ip(), address.port(), 1000 + generation);
    let tables = TABLES.replace("stop-timeout = 60", &format!("stop-timeout = {stop_timeout}"));
    format!(
        "{tables}[services.large]\nkind = \"poem\"\nfile = \"poetry/large.txt\"\n\
         [services.fast]\nkind = \"tcp\"\ninterface = \"{interface}\"\nport = {port}\nprotocol = \"fast\"\n\
         poem = \"large\"\nmax-connections = {generation}\nwrite-timeout = 1000\n"
    )
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// `readers` clients begin between `reloads` reloads and receive a part of their texts after each. All get the whole
/// of one text; when they have it, the daemon holds no more memory and no more descriptors than before. Returns, in
/// kB, its memory before, at the most, and after.
pub fn everybody_gets_one_whole_text(reloads: usize, readers: usize, size: usize) -> [u64; 3] {
    let mut generations = Generations::start(size, "1000");
    for _ in 0..2 {
        generations.add_readers(readers / 10);
        generations.change();
        generations.read_to_the_end();
    }
    let before = generations.daemon.settled_descriptors();
    let memory_before = generations.daemon.resident();
    for number in 0..reloads {
        generations.add_readers(readers * (number + 1) / reloads - readers * number / reloads);
        generations.change();
        generations.read_some(size / (reloads + 2) / LINE * LINE);
    }
    assert_eq!(generations.readers.len(), readers);
    let memory_meanwhile = generations.daemon.resident();
    assert!(generations.daemon.descriptors() >= before + readers, "some have been closed already");
    generations.read_to_the_end();
    until("the descriptors to be closed", || generations.daemon.descriptors() <= before);
    let most = memory_before + MOST_GROWTH;
    until("the memory to be given back", || generations.daemon.resident() <= most);
    let memory_after = generations.daemon.resident();
    generations.daemon.stop();
    [memory_before, memory_meanwhile, memory_after]
}

/// Lets `each` clients begin with each of several generations of the listener and of the text.
fn draining(
    generations: usize,
    each: usize,
    size: usize,
    stop_timeout: &'static str,
) -> Generations {
    let mut all = Generations::start(size, stop_timeout);
    for _ in 0..generations {
        all.add_readers(each);
        all.change();
        all.change(); // every other change is one of the listener
    }
    all
}

/// Several generations finish what is in progress when the daemon is told to stop: everybody gets the rest.
pub fn a_stop_waits_for_all_generations(generations: usize, each: usize, size: usize) {
    let mut all = draining(generations, each, size, "1000");
    all.daemon.process.signal(Signal::SIGTERM);
    assert!(all.daemon.manager.next().starts_with("STOPPING=1\n"));
    assert!(is_running(all.daemon.process.pid()));
    all.read_to_the_end();
    let (status, log) = all.daemon.process.wait();
    assert!(status.success() && log.is_empty(), "{status}\n{}", log.join("\n"));
}

/// The clients of several generations don't read on when the daemon is told to stop. At the deadline they are cut,
/// and counted.
pub fn at_the_deadline_all_generations_are_cut(generations: usize, each: usize, size: usize) {
    let all = draining(generations, each, size, "0.5");
    all.daemon.process.signal(Signal::SIGTERM);
    let (status, log) = all.daemon.process.wait();
    assert!(status.success(), "{status}\n{}", log.join("\n"));
    let cut = log.iter().filter_map(|line| {
        let (_, rest) = line.split_once("[fast] warning: cut ")?;
        rest.split_once(" connections at the deadline")?.0.parse::<usize>().ok()
    });
    assert_eq!(cut.sum::<usize>(), generations * each, "{}", log.join("\n"));
    assert_eq!(log.len(), generations, "{}", log.join("\n"));
    for mut reader in all.readers {
        let mut rest = Vec::new();
        let error = reader.stream.read_to_end(&mut rest).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert!(reader.received + rest.len() < size, "it is whole");
    }
}
