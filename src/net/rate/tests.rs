use super::*;
use Verdict::{Answer, TooMany, TooOften};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// How many of `requests` at the same time are answered.
fn answered(limit: &mut RateLimit, from: &str, now: Instant, requests: usize) -> usize {
    (0..requests).filter(|_| limit.ask(address(from), now) == Answer).count()
}

#[test]
fn a_source_gets_a_burst_and_then_its_rate() {
    let mut limit = RateLimit::new(10);
    let start = Instant::now();
    let after = |milliseconds| start + Duration::from_millis(milliseconds);
    assert_eq!(answered(&mut limit, "192.0.2.1", after(0), 50), 10);
    assert_eq!(answered(&mut limit, "192.0.2.1", after(99), 50), 0);
    assert_eq!(answered(&mut limit, "192.0.2.1", after(100), 50), 1);
    assert_eq!(answered(&mut limit, "192.0.2.1", after(600), 50), 5);
    assert_eq!(answered(&mut limit, "192.0.2.1", after(3_600_000), 50), 10, "never more");
}

#[test]
fn asking_in_vain_costs_nothing() {
    let mut limit = RateLimit::new(1);
    let start = Instant::now();
    let times = (0..=40).map(|n| start + Duration::from_millis(n * 100));
    let answers = times.filter(|now| limit.ask(address("192.0.2.1"), *now) == Answer).count();
    assert_eq!(answers, 5, "one at the start, and one after each of four seconds");
}

#[test]
fn any_rate_is_exact() {
    for rate in [1, 3, 7, 1_000, 1_000_000] {
        let mut limit = RateLimit::new(rate);
        let now = Instant::now();
        let requests = rate as usize + 2;
        assert_eq!(answered(&mut limit, "192.0.2.1", now, requests), rate as usize, "{rate}");
        let later = now + Duration::from_secs(2);
        assert_eq!(answered(&mut limit, "192.0.2.1", later, requests), rate as usize, "{rate}");
    }
}

#[test]
fn each_ipv4_address_is_a_source_whatever_socket_it_came_to() {
    let mut limit = RateLimit::new(1);
    let now = Instant::now();
    assert_eq!(limit.ask(address("192.0.2.1"), now), Answer);
    assert_eq!(limit.ask(address("192.0.2.2"), now), Answer);
    assert_eq!(limit.ask(address("::ffff:192.0.2.1"), now), TooOften);
    assert_eq!(limit.ask(address("::ffff:192.0.2.3"), now), Answer);
}

#[test]
fn a_64_of_ipv6_is_one_source() {
    let mut limit = RateLimit::new(1);
    let now = Instant::now();
    assert_eq!(limit.ask(address("2001:db8:0:1::1"), now), Answer);
    assert_eq!(limit.ask(address("2001:db8:0:1:ffff::2"), now), TooOften);
    assert_eq!(limit.ask(address("2001:db8:0:2::1"), now), Answer);
}

#[test]
fn when_the_table_is_full_strangers_get_nothing_until_someone_is_forgotten() {
    let mut limit = RateLimit { most: 2, ..RateLimit::new(10) };
    let start = Instant::now();
    let after = |milliseconds| start + Duration::from_millis(milliseconds);
    assert_eq!(answered(&mut limit, "192.0.2.1", after(0), 2), 2);
    assert_eq!(limit.ask(address("192.0.2.2"), after(0)), Answer);
    assert_eq!(limit.ask(address("192.0.2.3"), after(0)), TooMany);
    assert_eq!(limit.ask(address("192.0.2.2"), after(0)), Answer, "it is known");
    assert_eq!(limit.ask(address("192.0.2.3"), after(150)), TooMany, "both owe still");
    assert_eq!(limit.ask(address("192.0.2.3"), after(250)), Answer);
    assert!(limit.sources.len() <= 2);
}

#[test]
fn a_flood_of_sources_takes_no_more_than_the_table() {
    let mut limit = RateLimit::new(10);
    let now = Instant::now();
    let flood = (0..100_000u32).map(|n| IpAddr::from(n.to_be_bytes()));
    let answered = flood.filter(|source| limit.ask(*source, now) == Answer).count();
    assert_eq!((answered, limit.sources.len()), (MAX_SOURCES, MAX_SOURCES));
}
