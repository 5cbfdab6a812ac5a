use super::*;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::sync::mpsc::TryRecvError;

fn is_awake(waker: &Waker) -> bool {
    poll(&mut [PollFd::new(waker.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(1)
}

#[test]
fn each_message_and_the_end_of_the_channel_wake_the_receiver() {
    let waker = Waker::new().unwrap();
    let (outbox, inbox) = channel(&waker);
    assert!(!is_awake(&waker));
    outbox.send(1);
    assert!(is_awake(&waker));
    waker.clear();
    assert_eq!((inbox.try_recv(), is_awake(&waker)), (Ok(1), false));
    drop(outbox);
    assert!(is_awake(&waker));
    assert_eq!(inbox.try_recv(), Err(TryRecvError::Disconnected));
}
