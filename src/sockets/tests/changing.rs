//! Other options for a socket that is open.

use super::*;
use std::fs;
use std::os::fd::BorrowedFd;

fn with_options(
    sockets: &Sockets,
    service: &str,
    at: &Endpoint,
    options: &ListenOptions,
) -> LentSocket {
    sockets.open(&path(service), at, options).unwrap().unwrap()
}

/// What listen(2) was told: the kernel's tcpi_sacked is this for a socket that listens.
fn backlog(socket: &LentSocket) -> u32 {
    let mut info = [0_u32; 8];
    let mut length = size_of_val(&info) as libc::socklen_t;
    let place = info.as_mut_ptr().cast();
    // SAFETY: no more than `length` bytes are written to `place`.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            place,
            &raw mut length,
        )
    };
    assert_eq!(done, 0);
    info[7]
}

fn has_linger(socket: &LentSocket) -> bool {
    socket2::SockRef::from(socket).linger().unwrap().is_some()
}

fn with_linger(socket: BorrowedFd<'_>) {
    socket2::SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO)).unwrap();
}

fn mode(file: &Path) -> u32 {
    fs::symlink_metadata(file).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_port_that_is_handed_over_gets_them_when_that_can_not_be_undone_any_more() {
    for undo in [false, true] {
        let sockets = Sockets::new();
        let small = ListenOptions { backlog: 3, ..ListenOptions::default() };
        let large = ListenOptions { backlog: 30, before_listen: with_linger, ..small.clone() };
        let old = with_options(&sockets, "fast", &tcp("127.0.0.1:0"), &small);
        let at = old.endpoint().clone();
        let waiting = TcpStream::connect(at.address().unwrap()).unwrap();
        let handed_over = sockets.hand_over(&[path("fast")]);
        let new = with_options(&sockets, "fast", &at, &large);
        assert_eq!((backlog(&new), has_linger(&new)), (3, false));
        let (left, expected) = if undo {
            drop(new);
            (old, (3, false))
        } else {
            drop(old);
            (new, (30, true))
        };
        drop(handed_over);
        assert_eq!((backlog(&left), has_linger(&left)), expected);
        let (_, client) = left.tcp_listener().unwrap().accept().unwrap();
        assert_eq!(client, waiting.local_addr().unwrap(), "it no longer waits");
    }
}

#[test]
fn a_file_that_is_handed_over_gets_its_mode_when_that_can_not_be_undone_any_more() {
    for undo in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("socket");
        let (sockets, at) = (Sockets::new(), Endpoint::Unix(file.clone()));
        let old = open(&sockets, "old", &at);
        let handed_over = sockets.hand_over(&[path("old")]);
        let closed = ListenOptions { mode: 0o600, ..ListenOptions::default() };
        let new = with_options(&sockets, "new", &at, &closed);
        assert_eq!(mode(&file), 0o666);
        let (left, expected) = if undo {
            drop(new);
            (old, 0o666)
        } else {
            drop(old);
            (new, 0o600)
        };
        drop(handed_over);
        assert_eq!(mode(&file), expected);
        drop(left);
        assert!(!file.exists());
    }
}

#[test]
fn the_one_that_asks_again_gets_them_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("socket");
    let (sockets, at) = (Sockets::new(), Endpoint::Unix(file.clone()));
    drop(sockets.hand_over(&[path("fast")])); // nothing yet
    let first = open(&sockets, "fast", &at);
    let kept = sockets.keep(&path("fast"));
    drop(first);
    let closed = ListenOptions { mode: 0o600, ..ListenOptions::default() };
    let _again = with_options(&sockets, "fast", &at, &closed);
    drop(kept);
    assert_eq!(mode(&file), 0o600);
}

/// What the file is replaced by may be of another user, whom this one must not be tricked into harming.
#[test]
fn a_file_that_was_replaced_is_left_alone_and_the_old_mode_stays() {
    let directory = tempfile::tempdir().unwrap();
    let [file, other] = ["socket", "other"].map(|name| directory.path().join(name));
    fs::write(&other, "").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o640)).unwrap();
    let (sockets, at) = (Sockets::new(), Endpoint::Unix(file.clone()));
    let _old = open(&sockets, "fast", &at);
    let closed = ListenOptions { mode: 0o600, ..ListenOptions::default() };
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&other, &file).unwrap();
    let error = sockets.open(&path("fast"), &at, &closed).unwrap_err().to_string();
    let expected = "its mode can't be changed from 666 to 600 while it is open: another file has been put in its place; restart the daemon";
    assert!(error.ends_with(expected), "{error}");
    assert_eq!(mode(&other), 0o640);
    assert!(sockets.open(&path("fast"), &at, &ListenOptions::default()).is_ok());
}

#[test]
fn one_that_a_socket_unit_has_opened_keeps_its_options() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).listen(7).unwrap();
    let sockets = Sockets::of_process(vec![inherited(&listener, Some("fast"))], None);
    let large =
        ListenOptions { backlog: 30, before_listen: with_linger, ..ListenOptions::default() };
    let first = with_options(&sockets, "fast", &tcp("127.0.0.1:0"), &large);
    let again = with_options(&sockets, "fast", &tcp("127.0.0.1:0"), &large);
    assert_eq!((backlog(&first), has_linger(&again)), (7, false));
}
