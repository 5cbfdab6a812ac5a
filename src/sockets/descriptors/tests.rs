use super::*;
use futures::FutureExt;
use std::fs::File;
use std::os::fd::AsRawFd;

fn budget_of(total: usize) -> Descriptors {
    let descriptors = Descriptors::new();
    let free = Arc::new(Semaphore::new(total));
    assert!(descriptors.0.counted.set(Counted { total, free }).is_ok());
    descriptors
}

#[test]
fn what_is_taken_is_free_again_when_dropped() {
    let descriptors = budget_of(3);
    let two = descriptors.try_take(2).unwrap();
    assert!(descriptors.try_take(2).is_none());
    drop(two);
    assert!(descriptors.try_take(3).is_some());
}

#[test]
fn who_needs_many_is_not_overtaken_by_who_needs_one() {
    let descriptors = budget_of(2);
    let first = descriptors.try_take(1).unwrap();
    let mut both = std::pin::pin!(descriptors.take(2));
    assert!(both.as_mut().now_or_never().is_none());
    assert!(descriptors.try_take(1).is_none(), "the free one is kept for who waits");
    drop(first);
    assert!(both.now_or_never().is_some());
}

#[test]
fn more_than_there_are_is_all_there_are() {
    let descriptors = budget_of(1);
    assert!(descriptors.try_take(2).is_some());
}

#[test]
fn what_is_open_or_reserved_when_the_first_connection_comes_is_not_free() {
    let descriptors = Descriptors::new();
    let _reserved = descriptors.reserve(5);
    drop(descriptors.reserve(1_000_000));
    let limit = getrlimit(Resource::RLIMIT_NOFILE).unwrap().0 as usize;
    let total = descriptors.total();
    assert!(total <= limit - RESERVE - 5, "{total} of {limit}");
    let _too_late = descriptors.reserve(5);
    assert_eq!(descriptors.total(), total);
}

#[test]
fn descriptors_are_counted_whatever_gaps_there_are_below() {
    let mut open: Vec<File> = (0..200).map(|_| File::open("/dev/null").unwrap()).collect();
    open.drain(..100);
    assert!(open_now() >= open.len());
    assert!(open.iter().all(|file| is_open(file.as_raw_fd())) && !is_open(RawFd::MAX));
}
