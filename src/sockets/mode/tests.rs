use super::*;
use socket2::{Domain, Type};

/// The tests of a program run on many threads.
#[test]
fn the_mode_is_exact_and_the_umask_of_the_process_stays() {
    let directory = tempfile::tempdir().unwrap();
    let modes = [0o777, 0o666, 0o600, 0o640, 0o000];
    let sockets = modes.map(|mode| {
        let path = directory.path().join(format!("{mode:o}"));
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        bind_with_mode(&socket, &SockAddr::unix(&path).unwrap(), &path, mode).unwrap();
        let made = fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(made, mode, "{made:o}");
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let umask_taken = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        fs::remove_file(&file).unwrap();
        umask_taken
    });
    assert!(sockets.iter().all(|taken| *taken == sockets[0]));
}
