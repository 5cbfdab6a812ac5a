//! Both ends of connections that are forwarded: the target, and clients.

use crate::arena::processes::LIMIT;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How much is written or read at a time.
const PIECE: usize = 256 * 1024;

/// A server to forward to, with a thread for each connection.
pub struct Target {
    pub address: SocketAddr,
}

impl Target {
    /// Says so many bytes to each client, and closes.
    pub fn says(bytes: usize) -> Self {
        Self::new(move |mut stream| {
            let piece = vec![b'a'; PIECE.min(bytes)];
            let mut left = bytes;
            while left > 0 {
                let length = left.min(piece.len());
                if stream.write_all(&piece[..length]).is_err() {
                    return; // a client that only wanted to know whether the forwarder is there
                }
                left -= length;
            }
        })
    }

    /// Sends one byte back, and keeps the connection.
    pub fn echoes() -> Self {
        Self::new(|mut stream| {
            let mut byte = [0];
            while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
        })
    }

    fn new(serve: impl Fn(TcpStream) + Copy + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let small = thread::Builder::new().stack_size(64 * 1024);
                small.spawn(move || serve(stream)).unwrap();
            }
        });
        Self { address }
    }
}

/// So many connections, `at_once` at the same time, on each of which `bytes` come.
///
/// # Panics
/// If they do not come, followed by the end, within [`LIMIT`].
pub fn read_all(address: SocketAddr, connections: usize, at_once: usize, bytes: usize) {
    let started = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                let mut buffer = vec![0; PIECE];
                while started.fetch_add(1, Ordering::Relaxed) < connections {
                    let mut stream = connect(address);
                    let mut received = 0;
                    loop {
                        match stream.read(&mut buffer).unwrap() {
                            0 => break,
                            n => received += n,
                        }
                    }
                    assert_eq!(received, bytes, "bytes that were forwarded");
                }
            });
        }
    });
}

/// So many connections, on each of which a byte was sent there and back.
pub fn say_and_hear(address: SocketAddr, connections: usize) -> Vec<TcpStream> {
    let say_and_hear = |_| {
        let mut stream = connect(address);
        stream.write_all(b"a").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        stream
    };
    (0..connections).map(say_and_hear).collect()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, LIMIT).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}
