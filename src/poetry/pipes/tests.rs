use super::*;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

#[tokio::test(start_paused = true)]
async fn pipes_are_kept_until_none_has_been_used_for_a_while() {
    let descriptors = Descriptors::new();
    let pipes = Pipes::new(&descriptors);
    drop((pipes.lend().unwrap(), pipes.lend().unwrap()));
    for _ in 0..10 {
        sleep(UNUSED / 2).await;
        assert_eq!(pipes.open(), (0, 2));
        let one = pipes.lend().unwrap();
        assert_eq!(pipes.open(), (1, 1), "it is lent again");
        drop(one);
    }
    sleep(UNUSED * 3).await;
    assert_eq!(pipes.open(), (0, 0));
    drop(pipes.lend().unwrap());
    assert_eq!(pipes.open(), (0, 1));
    sleep(UNUSED * 3).await;
    assert_eq!(pipes.open(), (0, 0), "and once more");
}

#[test]
fn none_is_kept_where_nothing_would_close_it() {
    let descriptors = Descriptors::new();
    let pipes = Pipes::new(&descriptors);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { drop(pipes.lend().unwrap()) });
    assert_eq!(pipes.open(), (0, 1));
    drop(runtime);
    assert_eq!(pipes.open(), (0, 0));
    drop(pipes.lend().unwrap());
    assert_eq!(pipes.open(), (0, 0));
}

#[test]
fn there_are_only_so_many() {
    let descriptors = Descriptors::new();
    let pipes = Pipes::new(&descriptors);
    let mut lent: Vec<_> = std::iter::from_fn(|| pipes.lend()).take(1000).collect();
    assert_eq!(lent.len(), MOST);
    lent.pop();
    assert!(pipes.lend().is_some());
}

#[test]
fn none_is_opened_if_connections_have_all_descriptors() {
    let descriptors = Descriptors::new();
    let pipes = Pipes::new(&descriptors);
    let total = descriptors.total();
    let connections = descriptors.try_take(total - 3).unwrap();
    let pipe = pipes.lend().unwrap();
    assert!(pipes.lend().is_none(), "one descriptor is free");
    drop(connections);
    assert!(descriptors.try_take(total - 1).is_none(), "the pipe has taken its own");
    drop(pipe);
    assert!(descriptors.try_take(total).is_some(), "all are free");
}

#[tokio::test]
async fn one_in_which_something_is_left_is_closed() {
    let descriptors = Descriptors::new();
    let pipes = Pipes::new(&descriptors);
    let ((mut from, near), (far, mut to)) =
        (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    from.write_all(b"the beginning and the end").unwrap();
    let mut pipe = pipes.lend().unwrap();
    assert_eq!(pipe.fill(&near).unwrap(), Some(25));
    assert_eq!(pipe.drain(&far).unwrap(), 25);
    to.read_exact(&mut [0; 25]).unwrap();
    assert!(pipe.is_empty());
    drop(pipe);
    assert_eq!(pipes.open(), (0, 1), "an empty one is kept");
    from.write_all(b"something").unwrap();
    let mut pipe = pipes.lend().unwrap();
    assert_eq!(pipe.fill(&near).unwrap(), Some(9));
    drop(pipe);
    assert_eq!(pipes.open(), (0, 0));
}

#[test]
fn a_system_that_refuses_is_not_asked_again() {
    let descriptors = Descriptors::new();
    let pipes = Pipes::new(&descriptors);
    let no_stream = std::fs::File::open("/").unwrap();
    assert_eq!(pipes.lend().unwrap().fill(&no_stream).unwrap(), None);
    assert!(pipes.lend().is_none());
}
