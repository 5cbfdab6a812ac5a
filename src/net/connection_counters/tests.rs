use super::*;

fn number(counters: &ConnectionCounters, name: &str, reason: Option<&str>) -> u64 {
    let is_it = |sample: &&Sample| {
        let has = |reason| sample.labels.contains(&("reason", String::from(reason)));
        sample.name == name && reason.is_none_or(has)
    };
    counters.read().iter().filter(is_it).map(|sample| sample.value).sum()
}

#[test]
fn a_reason_has_the_place_of_its_number() {
    for (index, (failure, _)) in Failure::ALL.into_iter().enumerate() {
        assert_eq!(failure as usize, index);
    }
}

#[test]
fn what_a_loop_leaves_open_was_cut() {
    let counters = ConnectionCounters::new("here".into());
    for run in 1..=3 {
        let mut count = counters.count();
        (0..5).for_each(|_| count.opened());
        count.ended(Ok(()));
        count.ended(Err(Failure::Reset));
        assert_eq!(number(&counters, "connections_open", None), 3);
        drop(count);
        assert_eq!(number(&counters, "connections_open", None), 0);
        assert_eq!(number(&counters, "connections_opened", None), 5 * run);
        assert_eq!(number(&counters, "connections_failed", Some("reset")), run);
        assert_eq!(number(&counters, "connections_failed", Some("cut")), 3 * run);
    }
}

#[test]
fn bytes_are_counted_once_however_a_task_ends() {
    let counters = ConnectionCounters::new("here".into());
    let mut count = counters.count();
    let (mut returned, mut dropped) = (count.traffic(100), count.traffic(10));
    (returned.sent, returned.received) = (200, 2);
    (dropped.sent, dropped.received) = (20, 1);
    count.bytes(returned);
    assert_eq!(number(&counters, "sent_bytes", None), 200);
    drop(dropped);
    assert_eq!(number(&counters, "sent_bytes", None), 220);
    assert_eq!(number(&counters, "received_bytes", None), 3);
}
