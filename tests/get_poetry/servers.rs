//! Servers in every state. Each listens on a free port of 127.0.0.1.

use crate::support::LIMIT;
use socket2::{Domain, SockRef, Socket, Type};
use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// A server that does with each connection what a test wants, in a thread.
pub struct Server {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// `answer` is also given the number of the connection, from 0 on.
    pub fn start(answer: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (answer, count) = (Arc::new(answer), connections.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, number) = (answer.clone(), count.fetch_add(1, Ordering::SeqCst));
                stream.set_read_timeout(Some(LIMIT)).unwrap();
                thread::spawn(move || answer(stream, number));
            }
        });
        Self { address, connections }
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// As on the client's command line.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// A server that sends a poem.
pub fn up(poem: &[u8]) -> Server {
    let poem = poem.to_vec();
    Server::start(move |stream, _| say(stream, &poem))
}

/// A server that sends a poem in many pieces.
pub fn slow(poem: &[u8]) -> Server {
    let poem = poem.to_vec();
    Server::start(move |mut stream, _| {
        for piece in poem.chunks(poem.len() / 20 + 1) {
            let _ = stream.write_all(piece);
            thread::sleep(Duration::from_millis(5)); // the pace
        }
    })
}

/// A server that begins and resets.
pub fn resetting(poem: &[u8]) -> Server {
    let half = poem[..poem.len() / 2].to_vec();
    Server::start(move |stream, _| cut(stream, &half))
}

/// A server that says nothing as long as its client stays.
pub fn silent() -> Server {
    Server::start(|stream, _| wait_for_end(stream))
}

/// A port where nobody listens, and nobody else will.
pub struct Down {
    socket: Socket,
}

impl Down {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        Self { socket }
    }
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.local_addr().unwrap().as_socket().unwrap().fmt(f)
    }
}

/// Sends everything, and waits until the client has it all and closes. One that leaves early may.
pub fn say(mut stream: TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    wait_for_end(stream);
}

/// Sends something and ends in a reset.
pub fn cut(mut stream: TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

pub fn wait_for_end(mut stream: TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Something that a server waits for.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub fn wait(&self) {
        let closed = self.0.0.lock().unwrap();
        let (open, _) = self.0.1.wait_timeout_while(closed, LIMIT, |open| !*open).unwrap();
        assert!(*open, "waited in vain for the gate");
    }
}

/// Two servers: the first sends its poem when the second one's client has got that one's and is gone.
pub fn late_and_early(late: &[u8], early: &[u8]) -> (Server, Server) {
    let (late, early, gate) = (late.to_vec(), early.to_vec(), Gate::default());
    let early_is_there = gate.clone();
    let first = Server::start(move |stream, _| {
        early_is_there.wait();
        say(stream, &late);
    });
    let second = Server::start(move |stream, _| {
        say(stream, &early);
        gate.open();
    });
    (first, second)
}
