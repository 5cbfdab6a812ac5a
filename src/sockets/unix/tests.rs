use super::*;
use std::os::unix::net::UnixListener;

#[test]
fn a_socket_is_told_from_one_that_was_left_behind_without_connecting() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    assert_eq!(find(&path).unwrap(), Found::Nothing);
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(find(&path).unwrap(), Found::Open);
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(listener);
    assert_eq!(find(&path).unwrap(), Found::Stale);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(find(&path).unwrap(), Found::Other);
}
