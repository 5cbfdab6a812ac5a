use super::*;

#[test]
fn a_buffer_that_is_given_back_is_lent_again() {
    let buffers = Buffers::default();
    let mut first = buffers.lend();
    first[LARGE - 1] = 1;
    drop(first);
    assert_eq!(buffers.large(), (0, 1));
    let again = buffers.lend();
    assert_eq!((again.len(), again[LARGE - 1]), (LARGE, 1), "the same one");
    assert_eq!(buffers.large(), (1, 0));
}

#[test]
fn many_at_once_are_small_and_few_are_kept() {
    let buffers = Buffers::default();
    let mut lent: Vec<_> = (0..MOST_LARGE + 10).map(|_| buffers.lend()).collect();
    assert_eq!(lent.iter().filter(|buffer| buffer.len() == SMALL).count(), 10);
    assert_eq!(lent.pop().unwrap().len(), SMALL);
    lent.swap_remove(0);
    assert_eq!(buffers.lend().len(), LARGE, "one is free again");
    drop(lent);
    assert_eq!(buffers.large(), (0, MOST_SPARE));
}

#[test]
fn small_ones_are_not_counted() {
    let buffers = Buffers::default();
    drop(buffers.lend_small());
    assert_eq!(buffers.large(), (0, 0));
}
