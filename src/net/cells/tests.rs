use super::*;

#[test]
fn all_cells_are_added_up() {
    let cells = Cells::<3>::new();
    let (mut one, mut other) = (cells.claim(), cells.claim());
    one.add(0, 1);
    one.add(2, 7);
    other.add(0, 2);
    one.for_tasks().add(1, 5);
    other.for_tasks().add(1, 5);
    assert_eq!((cells.sums(), one.get(0), other.get(0)), ([3, 10, 7], 1, 2));
}

#[test]
fn a_cell_is_used_again_when_nobody_has_it() {
    let cells = Cells::<1>::new();
    let mut first = cells.claim();
    first.add(0, 1);
    let task = first.for_tasks();
    drop(first);
    cells.claim().add(0, 2);
    assert_eq!(cells.iter().count(), 2, "a task uses the first one");
    drop(task);
    for _ in 0..5 {
        cells.claim().add(0, 4);
    }
    assert_eq!((cells.sums(), cells.iter().count()), ([23], 2));
}

#[test]
fn no_two_cells_share_a_cache_line() {
    assert_eq!((align_of::<Cell<1>>(), size_of::<Cell<1>>() % 64), (64, 0));
}
