use super::*;
use futures::FutureExt;

#[test]
fn a_request_can_have_all_memory_and_not_a_byte_more() {
    for bytes in [1, 1000, 1024, 1_000_000, 5_000_000_000_000] {
        let memory = RequestMemory::new(bytes);
        let all = memory.try_take(bytes);
        assert!(all.is_some() && memory.try_take(1).is_none(), "{bytes}");
        drop(all);
        assert!(memory.try_take(1).is_some(), "{bytes}");
    }
}

#[test]
fn whoever_waits_is_served_before_whoever_comes_later() {
    let memory = RequestMemory::new(10 * UNIT);
    let first = memory.try_take(8 * UNIT);
    let mut second = Box::pin(memory.take(4 * UNIT));
    assert!((&mut second).now_or_never().is_none());
    assert!(memory.try_take(2 * UNIT).is_none());
    drop(first);
    assert!(second.now_or_never().is_some_and(|share| share.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn memory_is_wanted_only_while_somebody_waits_for_it() {
    let memory = RequestMemory::new(UNIT);
    let _all = memory.try_take(UNIT);
    let mut wanted = Box::pin(memory.wanted_after(Duration::ZERO));
    assert!((&mut wanted).now_or_never().is_none());
    {
        let mut waiting = Box::pin(memory.take(1));
        assert!((&mut waiting).now_or_never().is_none());
    }
    sleep(Duration::from_secs(1)).await;
    assert!((&mut wanted).now_or_never().is_none(), "it has left");
    let mut waiting = Box::pin(memory.take(1));
    assert!((&mut waiting).now_or_never().is_none());
    wanted.await;
}
