use super::*;
use std::io::{Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

/// A temporary file of so many bytes, to be read from its beginning.
fn file_of(length: u64) -> (File, Vec<u8>) {
    let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    file.rewind().unwrap();
    (file, bytes)
}

#[test]
fn only_what_is_large_is_in_pages_of_its_own() {
    for length in [0, 1, LARGE - 1, LARGE, LARGE + 1] {
        let (mut file, bytes) = file_of(length);
        let payload = Payload::read(&mut file).unwrap();
        assert!(*payload == *bytes, "{length}");
        assert_eq!(payload.in_pages, length >= LARGE, "{length}");
    }
}

#[test]
fn it_begins_where_the_file_has_been_read_to() {
    for length in [100, LARGE + 100] {
        let (mut file, bytes) = file_of(length);
        file.seek(SeekFrom::Start(100)).unwrap();
        assert!(*Payload::read(&mut file).unwrap() == bytes[100..], "{length}");
    }
}

#[test]
fn what_happens_to_the_file_later_does_not_matter() {
    for length in [100, LARGE] {
        let (mut file, bytes) = file_of(length);
        let payload = Payload::read(&mut file).unwrap();
        file.rewind().unwrap();
        file.write_all(b"changed").unwrap();
        file.set_len(10).unwrap();
        assert!(*payload == *bytes, "{length}");
    }
}

/// What the kernel has not sent yet: SIOCOUTQNSD of linux/sockios.h.
fn unsent(socket: &Socket) -> i32 {
    let mut bytes = 0;
    // SAFETY: it writes one int.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), 0x894B, &mut bytes) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
    bytes
}

#[test]
fn only_the_end_waits_and_only_for_a_fin_that_comes_next() {
    let (mut file, bytes) = file_of(LARGE);
    let end = bytes.len() - 30_000; // less than a segment over loopback
    for payload in [Payload::read(&mut file).unwrap(), bytes.into()] {
        for (from, fin_comes_next, left) in [(0, true, 0), (end, false, 0), (end, true, 30_000)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let server = Socket::from(listener.accept().unwrap().0);
            assert_eq!(payload.send(&server, from, 30_000, fin_comes_next).unwrap(), 30_000);
            assert_eq!(unsent(&server), left, "from {from}");
        }
    }
}
