use super::*;

#[test]
fn a_burst_is_said_once_and_a_long_one_every_minute() {
    let burst = Burst::default();
    let start = Instant::now();
    let at = |seconds| burst.event_at(start + Duration::from_secs(seconds));
    assert_eq!(at(0), Some(0));
    for second in 1..60 {
        assert_eq!(at(second), None);
    }
    assert_eq!(at(60), Some(59));
    assert_eq!(at(61), None);
    assert_eq!(at(80), Some(1), "after a quiet time it is a new burst");
}
