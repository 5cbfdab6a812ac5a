//! What a command prints, compared with what a page shows.

/// What differs from one run to the next: times, pids, ports that the system chooses, durations. Each pattern
/// stands for itself, but `0` is any digit and `9` any number of them. The text behind it takes its place.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("0000-00-00T00:00:00.9+00:00", "TIME"),
    ("0000-00-00 00:00:00+0000", "TIME"),
    ("0000-00-00 00:00:00-0000", "TIME"),
    (" pid 9", " pid PID"),
    (" since 9 s", " since TIME"),
    ("\"pid\":9", "\"pid\":PID"),
    ("kill 9", "kill PID"),
    ("127.0.0.1:00000", "127.0.0.1:PORT"),
    ("[::1]:00000", "[::1]:PORT"),
    (" in 9.00 s", " in SECONDS s"),
    ("\"seconds\":9.9", "\"seconds\":SECONDS"),
];

/// Ports from this one on are chosen by the system; those below stand in files and commands.
const FIRST_EPHEMERAL_PORT: u32 = 32768;

/// A line in which everything that may differ is replaced by a placeholder.
pub fn comparable(line: &str) -> String {
    let mut result = line.trim_end().to_owned();
    for (pattern, placeholder) in PLACEHOLDERS {
        result = replace(&result, pattern, placeholder);
    }
    result
}

fn replace(line: &str, pattern: &str, placeholder: &str) -> String {
    let mut result = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        match length_of_match(rest, pattern) {
            Some(length) if !is_fixed_port(&rest[..length], pattern) => {
                result += placeholder;
                rest = &rest[length..];
            }
            _ => {
                result.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    result
}

fn is_fixed_port(found: &str, pattern: &str) -> bool {
    let port = || found.rsplit(':').next().and_then(|port| port.parse().ok());
    pattern.ends_with(":00000") && port().is_some_and(|port: u32| port < FIRST_EPHEMERAL_PORT)
}

/// How many bytes of the beginning of `text` match.
fn length_of_match(text: &str, pattern: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    for expected in pattern.bytes() {
        match expected {
            b'9' => {
                let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                at += digits;
                if digits == 0 {
                    return None;
                }
            }
            b'0' if bytes.get(at)?.is_ascii_digit() => at += 1,
            expected if *bytes.get(at)? == expected => at += 1,
            _ => return None,
        }
    }
    Some(at)
}

/// Whether these lines are those shown, but for what may differ.
///
/// A line `...` stands for any lines. Otherwise there are as many of each as shown; the order matters for
/// `ordered` ones, which a command has written to one stream and which are not of a log.
pub fn matches(shown: &[String], ordered: &[String], others: &[String]) -> bool {
    let comparable_lines =
        |lines: &[String]| -> Vec<String> { lines.iter().map(|line| comparable(line)).collect() };
    let (shown, ordered, others) =
        (comparable_lines(shown), comparable_lines(ordered), comparable_lines(others));
    if shown.iter().any(|line| line == "...") {
        let all = [&ordered[..], &others].concat();
        return matches_with_gaps(&shown, &all)
            || matches_with_gaps(&shown, &[&others[..], &ordered].concat());
    }
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    if sorted(shown.clone()) != sorted([&ordered[..], &others].concat()) {
        return false;
    }
    let of_a_log = |line: &&String| line.starts_with("TIME ");
    let mut rest = shown.iter();
    ordered.iter().filter(|line| !of_a_log(line)).all(|line| rest.any(|shown| shown == line))
}

fn matches_with_gaps(shown: &[String], lines: &[String]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=lines.len()).any(|skipped| matches_with_gaps(rest, &lines[skipped..]))
        }
        Some((first, rest)) => lines
            .split_first()
            .is_some_and(|(line, behind)| line == first && matches_with_gaps(rest, behind)),
    }
}

#[test]
fn times_pids_and_chosen_ports_may_differ_and_nothing_else() {
    let one = "2026-11-22 21:37:03+0000 [-] poetryd starts with pid 21248: to [::1]:43382 of 3003";
    let two = "2027-01-02 01:02:03+0000 [-] poetryd starts with pid 7: to [::1]:55555 of 3003";
    assert_eq!(comparable(one), comparable(two));
    for (one, two) in [
        ("listening on [::1]:10000", "listening on [::1]:10001"),
        ("sending 3003 bytes", "sending 3004 bytes"),
        ("poetryd 0.2.0", "poetryd 0.3.0"),
    ] {
        assert_ne!(comparable(one), comparable(two));
    }
}

#[test]
fn a_missing_line_and_one_too_many_are_noticed() {
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert!(matches(&lines("a b c"), &lines("a c"), &lines("b")));
    assert!(!matches(&lines("a b c"), &lines("a c"), &[]));
    assert!(!matches(&lines("a b"), &lines("a b"), &lines("c")));
    assert!(!matches(&lines("a b"), &lines("b a"), &[]), "another order");
    assert!(matches(&lines("a ... d"), &lines("a b c d"), &[]));
    assert!(!matches(&lines("a ... d"), &lines("a b c"), &[]));
}
