use super::*;
use std::io::{Seek, Write};
use std::os::unix::net::UnixStream;

/// A temporary file with such a content, to be read from its beginning.
fn file_of(length: usize) -> (File, Vec<u8>) {
    let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    file.rewind().unwrap();
    (file, bytes)
}

/// Both ends of a connection, the first one for a sender that does not block.
fn connection() -> (Socket, UnixStream) {
    let (sender, receiver) = UnixStream::pair().unwrap();
    sender.set_nonblocking(true).unwrap();
    (sender.into(), receiver)
}

/// Sends all of it to somebody who reads it in small pieces, and returns what has arrived.
fn deliver(content: &[u8]) -> Vec<u8> {
    let (sender, mut receiver) = connection();
    let mut received = Vec::new();
    let mut buffer = [0; 10_007];
    let mut sent = 0;
    while received.len() < content.len() {
        if sent < content.len() {
            let (more, end) = send_pages(&sender, &content[sent..], true);
            sent += more;
            assert!(end.err().is_none_or(|e| e.kind() == io::ErrorKind::WouldBlock));
        }
        let read = receiver.read(&mut buffer).unwrap();
        received.extend_from_slice(&buffer[..read]);
    }
    received
}

#[test]
fn what_a_socket_does_not_accept_is_sent_again() {
    let (mut file, bytes) = file_of(3 * HUGE + 1234);
    let pages = Pages::read(&mut file, bytes.len()).unwrap();
    assert!(pages.as_ref() == bytes);
    for start in [0, 1, 4096, HUGE + 17] {
        assert!(deliver(&pages.as_ref()[start..]) == bytes[start..], "from {start}");
    }
}

#[test]
fn a_small_pipe_and_one_without_a_place_to_discard_do_it_too() {
    let (mut file, bytes) = file_of(HUGE);
    let pages = Pages::read(&mut file, bytes.len()).unwrap();
    let mut pipe = Pipe::new().unwrap();
    fcntl(&pipe.into, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    PIPE.set(Some(pipe));
    assert!(deliver(pages.as_ref()) == bytes, "small");
    pipe = Pipe::new().unwrap();
    pipe.null = None;
    PIPE.set(Some(pipe));
    assert!(deliver(pages.as_ref()) == bytes, "without");
}

#[test]
fn what_has_been_sent_arrives_though_the_memory_is_gone() {
    let (mut file, bytes) = file_of(HUGE);
    let pages = Pages::read(&mut file, bytes.len()).unwrap();
    let (sender, mut receiver) = connection();
    let (sent, _) = send_pages(&sender, pages.as_ref(), false);
    assert!(sent > 0);
    drop((pages, sender));
    let mut received = Vec::new();
    receiver.read_to_end(&mut received).unwrap();
    assert!(received == bytes[..sent]);
}

#[test]
fn a_file_that_has_another_length_than_it_said() {
    let (mut file, bytes) = file_of(1000);
    assert!(Pages::read(&mut file, 1001).unwrap().as_ref() == bytes, "it has shrunk");
    file.rewind().unwrap();
    assert!(Pages::read(&mut file, 999).err().unwrap().to_string().contains("grown"));
}

#[test]
fn an_error_of_the_socket_is_reported() {
    let (mut file, bytes) = file_of(HUGE);
    let pages = Pages::read(&mut file, bytes.len()).unwrap();
    let (sender, receiver) = connection();
    drop(receiver);
    let error = send_pages(&sender, pages.as_ref(), false).1.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert!(deliver(pages.as_ref()) == bytes, "the pipe is empty again");
}

#[tokio::test(start_paused = true)]
async fn a_pipe_is_kept_until_it_has_not_been_used_for_a_while() {
    let (mut file, bytes) = file_of(HUGE);
    let pages = Pages::read(&mut file, bytes.len()).unwrap();
    let has_pipe = || PIPE.with_borrow(Option::is_some);
    for _ in 0..2 {
        for _ in 0..5 {
            assert!(deliver(pages.as_ref()) == bytes);
            assert!(has_pipe());
            sleep(UNUSED / 2).await;
            assert!(has_pipe());
        }
        sleep(UNUSED * 3).await;
        assert!(!has_pipe());
    }
}

#[test]
fn it_is_closed_with_the_runtime_that_would_have_closed_it() {
    let (mut file, bytes) = file_of(HUGE);
    let pages = Pages::read(&mut file, bytes.len()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { assert!(deliver(pages.as_ref()) == bytes) });
    assert!(PIPE.with_borrow(Option::is_some));
    drop(runtime);
    assert!(PIPE.with_borrow(Option::is_none) && USED.get().is_none());
}
