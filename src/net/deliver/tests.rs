use super::super::connection_counters::ConnectionCounters;
use super::*;
use std::os::fd::OwnedFd;

#[tokio::test]
async fn what_the_reactor_does_not_take_fails_by_the_system() {
    let count = ConnectionCounters::new("here".into()).count();
    // epoll(7) refuses a file; see EPERM in epoll_ctl(2).
    let file = Socket::from(OwnedFd::from(tempfile::tempfile().unwrap()));
    let peer = Peer::Local { pid: 1, uid: 0 };
    let delivery = deliver(file, peer, "words".into(), count.traffic(2), Duration::ZERO);
    let (end, traffic) = delivery.await;
    assert_eq!((end.err(), traffic.sent), (Some(Failure::System), 2));
}
