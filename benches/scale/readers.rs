//! Clients that read a large poem as fast as they can, all of them in one thread.

use crate::arena::processes::LIMIT;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How much a client reads at a time, into a buffer that all clients share.
const BUFFER: usize = 256 * 1024;

/// How many bytes at the beginning and at the end of a poem are compared. The rest is only counted.
const ENDS: usize = 4096;

/// The length of a line, which is its number.
const LINE: usize = 64;

/// A poem of numbered lines in a file.
pub struct LargePoem {
    pub file: PathBuf,
    pub size: usize,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl LargePoem {
    pub fn write(file: PathBuf, size: usize) -> Self {
        let lines = size / LINE;
        let some = ENDS / LINE;
        write_lines(&file, 0..lines);
        let line = |number| format!("{number:0width$}\n", width = LINE - 1).into_bytes();
        let first = (0..some).flat_map(line).collect();
        let last = (lines - some..lines).flat_map(line).collect();
        Self { file, size, first, last }
    }

    /// Compares bytes that were received at position `at`.
    fn has(&self, at: usize, bytes: &[u8]) -> bool {
        let end = at + bytes.len();
        let at_end = self.size - ENDS;
        let first = &self.first[at.min(ENDS)..end.min(ENDS)];
        let last = &self.last[at.max(at_end) - at_end..end.max(at_end) - at_end];
        end <= self.size && bytes.starts_with(first) && bytes.ends_with(last)
    }
}

fn write_lines(file: &Path, numbers: std::ops::Range<usize>) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(file).unwrap());
    for number in numbers {
        writeln!(file, "{number:0width$}", width = LINE - 1).unwrap();
    }
    file.flush().unwrap();
}

/// What the clients have to know about a server.
pub struct Source<'a> {
    pub name: &'a str,
    pub address: SocketAddr,
    /// The request. The server answers with a header. `None`: it sends the poem without a request.
    pub request: Option<&'a [u8]>,
}

/// This many clients fetch the poem at the same time. Returns the time from the first connection until the
/// last client has received the end.
///
/// # Panics
/// If a client does not get the whole poem, closed normally, within [`LIMIT`].
pub fn fetch(source: &Source, clients: usize, poem: &LargePoem) -> Duration {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let mut buffer = vec![0; BUFFER];
    let start = Instant::now();
    let mut clients: Vec<Client> = (0..clients).map(|_| Client::connect(source)).collect();
    for (number, client) in clients.iter().enumerate() {
        epoll.add(&client.stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64)).unwrap();
    }
    let mut reading = clients.len();
    let mut events = vec![EpollEvent::empty(); clients.len()];
    while reading > 0 {
        let left = LIMIT.saturating_sub(start.elapsed());
        assert!(!left.is_zero(), "{}: {reading} clients have not got all in time", source.name);
        let ready = epoll.wait(&mut events, EpollTimeout::try_from(left).unwrap()).unwrap();
        for event in &events[..ready] {
            let client = &mut clients[event.data() as usize];
            if client.reads_to_the_end(source.name, poem, &mut buffer) {
                epoll.delete(&client.stream).unwrap();
                reading -= 1;
            }
        }
    }
    start.elapsed()
}

struct Client {
    stream: TcpStream,
    /// The part of the header that has been received; `None` when it is complete.
    header: Option<Vec<u8>>,
    /// Bytes of the poem.
    received: usize,
}

impl Client {
    fn connect(source: &Source) -> Self {
        let mut stream = TcpStream::connect_timeout(&source.address, LIMIT).unwrap();
        if let Some(request) = source.request {
            stream.write_all(request).unwrap();
        }
        stream.set_nonblocking(true).unwrap();
        Self { stream, header: source.request.map(|_| Vec::new()), received: 0 }
    }

    /// Reads once. Returns whether that was the end.
    fn reads_to_the_end(&mut self, name: &str, poem: &LargePoem, buffer: &mut [u8]) -> bool {
        match self.stream.read(buffer) {
            Ok(0) => {
                assert_eq!(self.received, poem.size, "{name}: bytes of a poem that has ended");
                true
            }
            Ok(n) => {
                self.takes(name, poem, &buffer[..n]);
                false
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => false,
            Err(e) => {
                panic!("{name}: an error after {} of {} bytes: {e}", self.received, poem.size)
            }
        }
    }

    fn takes(&mut self, name: &str, poem: &LargePoem, bytes: &[u8]) {
        if let Some(mut header) = self.header.take() {
            header.extend(bytes);
            match header.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => {
                    check_header(name, &String::from_utf8_lossy(&header[..end]), poem.size);
                    self.takes(name, poem, &header[end + 4..]);
                }
                None => self.header = Some(header),
            }
            return;
        }
        let at = self.received;
        assert!(poem.has(at, bytes), "{name}: wrong bytes among {} after {at}", bytes.len());
        self.received += bytes.len();
    }
}

fn check_header(name: &str, header: &str, size: usize) {
    let expected = size.to_string();
    let length = header.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let good = header.starts_with("HTTP/1.1 200 ") && length == Some(expected.as_str());
    assert!(good, "{name}: not the answer to expect: {header}");
}
