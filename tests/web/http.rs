//! A client that sends what a test says, byte for byte.

use crate::support::{Foreground, LIMIT};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// What a stream has to say from now to its end.
    pub fn read(mut stream: impl Read) -> Self {
        let mut bytes = Vec::new();
        let ended = stream.read_to_end(&mut bytes);
        let whole = String::from_utf8(bytes).unwrap();
        let (head, body) =
            whole.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{ended:?}, {whole:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let answer = Self { status, head: head.to_ascii_lowercase(), body: body.into() };
        if let (Some(length), false) = (answer.header("content-length"), body.is_empty()) {
            assert_eq!(length.parse(), Ok(body.len()), "{head}");
        }
        answer
    }

    /// The value of a header, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The body of an answer that is as it should be.
    pub fn ok(self) -> String {
        assert_eq!(self.status, 200, "{}\n{}", self.head, self.body);
        self.body
    }
}

/// Sends a request as it is, and returns the answer.
pub fn ask(address: SocketAddr, request: &str) -> Answer {
    Answer::read(sent(address, request.as_bytes()).unwrap())
}

/// A connection on which this has been sent.
pub fn sent(address: SocketAddr, request: &[u8]) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(request)?;
    Ok(stream)
}

/// A request, with this host and these further lines.
pub fn request(target: &str, host: &str, more: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n")
}

pub fn get(address: SocketAddr, target: &str) -> Answer {
    ask(address, &request(target, "localhost", ""))
}

/// The metrics that a client with this `Accept` header gets.
pub fn metrics_as(address: SocketAddr, accept: &str) -> String {
    ask(address, &request("/metrics", "localhost", &format!("Accept: {accept}\r\n"))).ok()
}

/// Where the service `status` of a daemon listens, by IPv4.
pub fn place(daemon: &Foreground) -> SocketAddr {
    let is_v4 = |line: &String| line.contains("[status] listening on 127.");
    crate::support::until("the status service", || daemon.log().iter().any(is_v4));
    let line = daemon.log().into_iter().find(is_v4).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}
