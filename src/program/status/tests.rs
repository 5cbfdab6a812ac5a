use super::*;
use std::time::{Duration, Instant};

fn status(text: &str) -> Status {
    serde_json::from_str(text).unwrap()
}

const TWO_POEMS: &str = r#"{"schema": 1, "program": "poetryd", "version": "0.2.0", "pid": 4711,
    "origin": "config/two-poems.toml", "phase": "running", "ready": true, "workers": 2,
    "started": "2026-11-26T09:50:00Z", "since": "2026-11-26T09:50:01Z",
    "last_reload": {"ended": "2026-11-29T11:50:00Z", "refused": {"schema": 1, "error": "no\nyes", "is_mistake": true}},
    "services": [
    {"path": "yeats", "kind": "group", "is_group": true, "state": "running", "since": "2026-11-26T09:50:01Z",
     "status": null, "failure": null, "restarts": 0, "next_start": null, "counters": []},
    {"path": "yeats.fast", "kind": "tcp", "is_group": false, "state": "running", "since": "2026-11-26T09:50:01Z",
     "status": "127.0.0.1:10001 [::1]:10001\u001b[31m", "failure": null, "restarts": 0, "next_start": null, "counters": [
        {"name": "connections_open", "kind": "gauge", "labels": {"address": "a"}, "value": 1},
        {"name": "connections_open", "kind": "gauge", "labels": {"address": "b"}, "value": 2},
        {"name": "connections_completed", "kind": "counter", "labels": {"address": "a"}, "value": 81204},
        {"name": "connections_failed", "kind": "counter", "labels": {"address": "a", "reason": "cut"}, "value": 0},
        {"name": "connections_failed", "kind": "counter", "labels": {"address": "a", "reason": "gone"}, "value": 9},
        {"name": "connections_opened", "kind": "counter", "labels": {"address": "a"}, "value": 81216}]},
    {"path": "poe", "kind": "poem", "is_group": false, "state": "waiting", "since": "2026-11-29T13:49:59Z",
     "status": "old", "failure": "no poem", "restarts": 1, "next_start": "2026-11-29T13:50:02.500Z", "counters": []}],
    "draining": [{"path": "old", "kind": "tcp", "state": "stopping", "since": "2026-11-29T13:49:00Z", "status": null}]}"#;

#[test]
fn the_tree_is_a_table_and_everything_in_it_is_escaped() {
    let now = "2026-11-29T13:50:00Z".parse().unwrap();
    assert_eq!(
        show(&status(TWO_POEMS), &View::once(false, now)),
        "poetryd 0.2.0 is running with pid 4711 since 3 d 4 h: config/two-poems.toml, a reload failed 2 h ago: no\n\
         yeats   group  running\n\
         \u{20} fast  tcp    running   127.0.0.1:10001 [::1]:10001\\u{1b}[31m   open 3, served 81,204, cut 0\n\
         poe     poem   waiting   restarts in 3 s after 2 failures: no poem\n\
         old     tcp    draining  stopping for 1 min, from before a reload\n"
    );
}

#[test]
fn a_udp_server_shows_its_answers_and_other_counters_are_left_to_the_document() {
    let mut of_quotes = status(TWO_POEMS);
    let quote = r#"{"path": "quote", "kind": "quote", "is_group": false, "state": "running", "since": "2026-11-26T09:50:01Z",
     "status": "127.0.0.1:17", "failure": null, "restarts": 0, "next_start": null, "counters": [
        {"name": "datagrams_answered", "kind": "counter", "labels": {"address": "a"}, "value": 1000},
        {"name": "datagrams_answered", "kind": "counter", "labels": {"address": "b"}, "value": 234},
        {"name": "datagrams_unanswered", "kind": "counter", "labels": {"address": "a", "reason": "rate"}, "value": 5},
        {"name": "datagrams_unanswered", "kind": "counter", "labels": {"address": "a", "reason": "system"}, "value": 70},
        {"name": "sent_bytes", "kind": "counter", "labels": {"address": "a"}, "value": 9}]}"#;
    of_quotes.services = vec![serde_json::from_str(quote).unwrap()];
    of_quotes.draining.clear();
    let text = show(&of_quotes, &View::once(false, Timestamp::UNIX_EPOCH));
    let row = "quote  quote  running  127.0.0.1:17   answered 1,234, limited 5";
    assert_eq!(text.lines().nth(1), Some(row));
}

#[test]
fn only_the_state_has_a_colour() {
    let text = show(&status(TWO_POEMS), &View::once(true, Timestamp::UNIX_EPOCH));
    assert_eq!(text.matches('\u{1b}').count(), 2 * 4);
    assert!(text.contains("\u{1b}[32mrunning\u{1b}[0m   127.0.0.1"), "{text}");
}

#[test]
fn times_and_numbers_are_short_and_readable() {
    for (seconds, text) in
        [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_725, "1 h 2 min"), (273_600, "3 d 4 h")]
    {
        assert_eq!(span(seconds), text);
    }
    for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (81_204_000, "81,204,000")] {
        assert_eq!(thousands(number), text);
    }
}

#[test]
fn the_depth_of_a_path_that_a_daemon_names_is_bounded() {
    let mut deep = status(TWO_POEMS);
    deep.services[0].path = ".".repeat(100_000);
    deep.services[0].restarts = u64::MAX;
    deep.services[0].state = "waiting".into();
    let text = show(&deep, &View::once(false, Timestamp::UNIX_EPOCH));
    assert!(text.len() < 5_000, "{}", text.len());
}

#[test]
fn json_is_on_one_line_and_moves_no_cursor() {
    let text = "{\"a\": \"\\u001b é \u{9b}31m \u{202e} \u{1f339}\",\n\"b\": 1}\n";
    let line = json_line(text.as_bytes());
    assert_eq!(line, "{\"a\": \"\\u001b é \\u009b31m \\u202e \\ud83c\\udf39\",\"b\": 1}\n");
    let (read, meant): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(&line).unwrap(), serde_json::from_str(text).unwrap());
    assert_eq!(read, meant);
}

/// The lines of a status, without colours, as they are on a terminal of that width.
fn followed(status: &Status, rates: &Rates, width: usize) -> Vec<String> {
    let now = "2026-11-29T13:50:00Z".parse().unwrap();
    let view = View { colour: false, now, width, rates: Some(rates) };
    show(status, &view).lines().map(str::to_owned).collect()
}

#[test]
fn where_it_is_followed_what_changes_comes_first() {
    let (mut rates, start) = (Rates::default(), Instant::now());
    rates.update(&status(TWO_POEMS), start);
    let line = |rates: &Rates| followed(&status(TWO_POEMS), rates, 80)[2].clone();
    let fast = "  fast  tcp    running   ";
    let rest = "  open 3, served 81,204, cut 0   127.0.0.1:100…";
    assert_eq!(line(&rates), format!("{fast}        {rest}"));
    rates.update(&status(TWO_POEMS), start + Duration::from_secs(1));
    assert_eq!(line(&rates), format!("{fast}     0/s{rest}"));
    let mut more = status(TWO_POEMS);
    more.services[1].counters[5].value += 15;
    rates.update(&more, start + Duration::from_secs(11));
    assert_eq!(line(&rates), format!("{fast}   1.5/s{rest}"));
}

#[test]
fn no_line_is_wider_than_the_terminal_and_colours_take_no_room() {
    let (rates, now) = (Rates::default(), Timestamp::UNIX_EPOCH);
    let mut wide = status(TWO_POEMS);
    wide.services[0].path = "詩".repeat(30);
    for room in 0..130 {
        let lines = followed(&wide, &rates, room);
        assert_eq!(lines.len(), 5);
        lines.iter().for_each(|line| assert!(width(line) <= room, "{room}: {line}"));
        let view = View { colour: true, now, width: room, rates: Some(&rates) };
        let painted = show(&wide, &view);
        let plain = painted.split('\u{1b}').map(|part| match part.split_once('m') {
            Some((code, rest)) if code.starts_with('[') => rest,
            _ => part,
        });
        for line in plain.collect::<String>().lines() {
            assert!(width(line) <= room, "{room}: {line}");
        }
    }
}
