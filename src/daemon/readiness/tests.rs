use super::*;

/// Only prevents a test from hanging.
const HANG_LIMIT: Duration = Duration::from_secs(30);

/// A service manager's end of the socket, and a connection to it.
fn manager() -> (UnixDatagram, Notify) {
    let (manager, daemon) = UnixDatagram::pair().unwrap();
    manager.set_read_timeout(Some(HANG_LIMIT)).unwrap();
    daemon.set_nonblocking(true).unwrap();
    (manager, Notify(Arc::new(daemon)))
}

#[test]
fn a_service_manager_that_does_not_read_holds_nobody_up() {
    let (manager, notify) = manager();
    let sent = (0..).map(|_| notify.send("WATCHDOG=1\n", &[]));
    let refused = sent.filter_map(Result::err).next().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
    drop(manager);
}

#[test]
fn a_stop_does_not_wait_for_a_service_manager_that_does_not_read() {
    let (manager, notify) = manager();
    let sent = (0..).map(|_| notify.send_at_once("STOPPING=1\n", &[]));
    let refused = sent.filter_map(Result::err).next().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    drop(manager);
}

#[test]
fn a_message_waits_for_a_service_manager_that_is_behind() {
    let (manager, notify) = manager();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| (0..1000).all(|_| notify.send("WATCHDOG=1\n", &[]).is_ok()));
        for _ in 0..1000 {
            assert_eq!(manager.recv(&mut [0; 64]).unwrap(), b"WATCHDOG=1\n".len());
        }
        assert!(sending.join().unwrap());
    });
}
