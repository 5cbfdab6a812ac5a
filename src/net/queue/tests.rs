use super::*;

#[test]
fn shares_get_smaller_and_never_exceed_the_budget() {
    let budget = Arc::<Budget>::default();
    let take = || std::iter::from_fn(|| budget.take()).collect::<Vec<_>>();
    let shares: Vec<Share> = std::thread::scope(|scope| {
        let threads = [scope.spawn(take), scope.spawn(take)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let sizes = || shares.iter().map(|share| share.bytes);
    let total: u32 = sizes().sum();
    assert!((BUDGET - SMALLEST_SHARE..=BUDGET).contains(&total), "{total}");
    assert_eq!((sizes().max(), sizes().min()), (Some(BUDGET / PART), Some(SMALLEST_SHARE)));
    drop(shares);
    assert!(budget.is_whole());
}

#[test]
fn a_share_goes_back_in_a_panic() {
    let budget = Arc::<Budget>::default();
    let share = budget.take();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _share = share;
        panic!("with a share");
    }));
    assert!(panicked.is_err() && budget.is_whole());
}
