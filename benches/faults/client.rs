//! One client: what it sends, and whether it gets what it should.

use crate::arena::contenders::POEM;
use crate::arena::processes::LIMIT;
use crate::daemon::Addresses;
use crate::kind::{Kind, Random};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long to wait for the answer to a datagram, which may not come.
const ANSWER_WAIT: Duration = Duration::from_millis(200);

/// What happened to a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    Fine,
    /// Fewer bytes than there are, and then a normal end.
    Short,
    /// No byte at all, and then a normal end.
    Empty,
    Wrong,
    Refused,
    TimedOut,
    Reset,
    /// Another error of a system call.
    Failed,
}

/// The address of a client. No other client has the same one.
pub fn address_of(number: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 64, 0, 0)) + u32::try_from(number).unwrap())
}

/// The client with this address.
pub fn number_of(address: Ipv4Addr) -> Option<usize> {
    let first = u32::from(Ipv4Addr::new(127, 64, 0, 0));
    u32::from(address).checked_sub(first).map(|number| number as usize)
}

/// Runs one client to its end.
pub fn play(kind: Kind, number: usize, random: &mut Random, addresses: &Addresses) -> Outcome {
    let played = match kind {
        Kind::Unix => over_unix(addresses),
        Kind::Quote => asks_for_a_quote(number, addresses),
        _ => connect(number, addresses.of(kind)).and_then(|stream| over_tcp(kind, stream, random)),
    };
    played.unwrap_or_else(|e| match e.kind() {
        ErrorKind::ConnectionRefused => Outcome::Refused,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Outcome::Reset,
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Outcome::TimedOut,
        _ => {
            eprintln!("{kind:?} {}: {e}", address_of(number));
            Outcome::Failed
        }
    })
}

fn over_tcp(kind: Kind, mut stream: Socket, random: &mut Random) -> io::Result<Outcome> {
    match kind {
        Kind::Junk => {
            let size = random.below(65_536) as usize;
            stream.write_all(&random.bytes(size))?;
        }
        Kind::ResetAtOnce => return reset(&stream),
        Kind::ResetInPart => {
            let size = 1 + random.below(2000) as usize;
            stream.read_exact(&mut vec![0; size])?;
            return reset(&stream);
        }
        Kind::HalfClose => stream.shutdown(Shutdown::Write)?,
        Kind::SlowReader => return reads_slowly(&mut stream),
        Kind::Transform => return asks_for_a_transform(&mut stream, random),
        Kind::BrokenRequest => return sends_a_broken_request(&mut stream, random),
        _ => {}
    }
    reads_all_of(&mut stream, POEM)
}

fn connect(number: usize, to: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_read_timeout(Some(LIMIT))?;
    socket.set_write_timeout(Some(LIMIT))?; // for connecting, too
    socket.bind(&SocketAddr::from((address_of(number), 0)).into())?;
    socket.connect(&to.into()).map_err(|e| match e.raw_os_error() {
        Some(libc::EINPROGRESS) => ErrorKind::TimedOut.into(),
        _ => e,
    })?;
    Ok(socket)
}

fn reset(stream: &Socket) -> io::Result<Outcome> {
    stream.set_linger(Some(Duration::ZERO))?; // takes effect when the caller drops it
    Ok(Outcome::Fine)
}

/// Reads to the end, and compares every byte.
fn reads_all_of(stream: &mut impl Read, expected: &[u8]) -> io::Result<Outcome> {
    let mut received = Vec::with_capacity(expected.len() + 1);
    stream.read_to_end(&mut received)?;
    Ok(judge(&received, expected))
}

fn judge(received: &[u8], expected: &[u8]) -> Outcome {
    if received == expected {
        Outcome::Fine
    } else if received.is_empty() {
        Outcome::Empty
    } else if expected.starts_with(received) {
        eprintln!("an end after {} of {} bytes", received.len(), expected.len());
        Outcome::Short
    } else {
        Outcome::Wrong
    }
}

fn reads_slowly(stream: &mut Socket) -> io::Result<Outcome> {
    let (mut received, mut part) = (Vec::new(), [0; 100]);
    loop {
        match stream.read(&mut part)? {
            0 => return Ok(judge(&received, POEM)),
            count => received.extend_from_slice(&part[..count]),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn asks_for_a_transform(stream: &mut Socket, random: &mut Random) -> io::Result<Outcome> {
    let size = random.below(4000) as usize;
    let text: String = (0..size).map(|_| char::from(32 + random.below(95) as u8)).collect();
    let (name, changed) = match random.below(2) {
        0 => ("cummingsify", text.to_lowercase()),
        _ => ("shout", text.to_uppercase()),
    };
    let content = format!("{name}.{text}");
    write!(stream, "{}", netstring(&content))?;
    reads_all_of(stream, netstring(&changed).as_bytes())
}

fn netstring(content: &str) -> String {
    format!("{}:{content},", content.len())
}

/// None of these has an answer.
fn sends_a_broken_request(stream: &mut Socket, random: &mut Random) -> io::Result<Outcome> {
    let request = match random.below(4) {
        0 => [b"x", &random.bytes(1000)[..]].concat(),
        1 => b"999999999:shout.".to_vec(),
        2 => netstring("no-such-transform.poem").into_bytes(),
        _ => b"100:shout.the end is missing".to_vec(),
    };
    stream.write_all(&request)?;
    stream.shutdown(Shutdown::Write)?;
    reads_all_of(stream, b"")
}

fn over_unix(addresses: &Addresses) -> io::Result<Outcome> {
    let mut stream = UnixStream::connect(&addresses.unix)?;
    stream.set_read_timeout(Some(LIMIT))?;
    reads_all_of(&mut stream, POEM)
}

/// No answer is fine. If there is one, it is the beginning of the poem.
fn asks_for_a_quote(number: usize, addresses: &Addresses) -> io::Result<Outcome> {
    let socket = UdpSocket::bind((address_of(number), 0))?;
    socket.set_read_timeout(Some(ANSWER_WAIT))?;
    socket.send_to(b"?", addresses.of(Kind::Quote))?;
    let mut answer = [0; 1024];
    match socket.recv(&mut answer) {
        Ok(count) if count > 0 && POEM.starts_with(&answer[..count]) => Ok(Outcome::Fine),
        Ok(_) => Ok(Outcome::Wrong),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(Outcome::Fine),
        Err(e) => Err(e),
    }
}
