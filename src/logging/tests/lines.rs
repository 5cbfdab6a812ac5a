//! The format of lines.

use super::super::facility::Facility;
use super::*;

/// One line, in a style without the time.
fn line(
    format: Format,
    level: Level,
    message: &str,
    fields: &[(&'static str, Field<&str>)],
) -> String {
    let mut out = String::new();
    let line = Line {
        time: SystemTime::now(),
        level,
        path: "night.fast",
        fields: &EventFields::of(message, fields),
    };
    formatter(format, Style::Priority).write(&line, &mut out);
    out
}

/// The text of an informational line, without priority, path and newline.
fn text(message: &str, fields: &[(&'static str, Field<&str>)]) -> String {
    let line = line(Format::Text, Level::INFO, message, fields);
    line.strip_prefix("<6>[night.fast] ").unwrap().strip_suffix('\n').unwrap().to_owned()
}

/// An informational line as JSON, without its priority.
fn json(message: &str, fields: &[(&'static str, Field<&str>)]) -> String {
    line(Format::Json, Level::INFO, message, fields).strip_prefix("<6>").unwrap().to_owned()
}

fn word(value: &str) -> Field<&str> {
    Field::Text(value)
}

fn number(value: &str) -> Field<&str> {
    Field::Bare(value)
}

/// Replaces every digit, so that the form of a time can be seen.
fn digits_as_0(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

#[test]
fn a_text_line_has_time_path_and_message() {
    let mut out = String::new();
    let line = Line {
        time: SystemTime::now(),
        level: Level::INFO,
        path: "-",
        fields: &EventFields::of("hello", &[]),
    };
    formatter(Format::Text, Style::Plain).write(&line, &mut out);
    let (time, rest) = out.split_at("2026-11-22 10:44:11+0000".len());
    assert_eq!(digits_as_0(&time.replace('-', "+")), "0000+00+00 00:00:00+0000");
    assert_eq!(rest, " [-] hello\n");
}

#[test]
fn the_time_is_now() {
    let mut out = String::new();
    let line = Line {
        time: SystemTime::now(),
        level: Level::INFO,
        path: "-",
        fields: &EventFields::of("hello", &[]),
    };
    let before = jiff::Timestamp::now().as_second();
    formatter(Format::Text, Style::Plain).write(&line, &mut out);
    let after = jiff::Timestamp::now().as_second();
    let time = jiff::fmt::strtime::parse("%Y-%m-%d %H:%M:%S%z", &out[..24]).unwrap();
    let said = time.to_timestamp().unwrap().as_second();
    assert!((before..=after).contains(&said), "{out}");
}

#[test]
fn a_journal_line_has_a_priority_and_no_time() {
    for (level, expected) in [
        (Level::ERROR, "<3>[night.fast] error: x\n"),
        (Level::WARN, "<4>[night.fast] warning: x\n"),
        (Level::INFO, "<6>[night.fast] x\n"),
        (Level::DEBUG, "<7>[night.fast] x\n"),
        (Level::TRACE, "<7>[night.fast] x\n"),
    ] {
        assert_eq!(line(Format::Text, level, "x", &[]), expected);
    }
}

#[test]
fn a_syslog_line_has_the_head_that_syslog_expects() {
    let mut out = String::new();
    let line = Line {
        time: SystemTime::now(),
        level: Level::WARN,
        path: "-",
        fields: &EventFields::of("x", &[]),
    };
    formatter(Format::Text, Style::syslog(Facility::Daemon, "odes")).write(&line, &mut out);
    // LOG_DAEMON and LOG_WARNING; the time is "Nov 22 10:44:11" or "Nov  2 10:44:11".
    let rest = out.strip_prefix("<28>").unwrap();
    let (time, rest) = rest.split_at("Nov 22 10:44:11".len());
    let time = digits_as_0(time);
    assert!(time.ends_with("00 00:00:00") || time.ends_with("  0 00:00:00"), "{out}");
    assert_eq!(rest, format!(" odes[{}]: [-] warning: x\n", std::process::id()));
}

#[test]
fn a_json_line_has_every_fact_in_a_field_of_its_own() {
    let fields = [("bytes", number("3003")), ("peer", word("127.0.0.1:80"))];
    let expected = "{\"level\":\"info\",\"service\":\"night.fast\",\"message\":\"sending 3003 bytes\",\
                    \"bytes\":3003,\"peer\":\"127.0.0.1:80\"}\n";
    assert_eq!(json("sending 3003 bytes", &fields), expected);
}

#[test]
fn a_json_line_outside_the_journal_has_the_time_too() {
    let mut out = String::new();
    let line = Line {
        time: SystemTime::now(),
        level: Level::ERROR,
        path: "-",
        fields: &EventFields::of("x", &[]),
    };
    formatter(Format::Json, Style::Plain).write(&line, &mut out);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    let time = value["time"].as_str().unwrap();
    assert_eq!(digits_as_0(&time.replace('-', "+")), "0000+00+00T00:00:00.000000+00:00");
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "not as in RFC 3339: {time}");
    assert_eq!((&value["level"], &value["service"]), (&"error".into(), &"-".into()));
}

#[test]
fn fields_that_the_message_says_are_not_repeated() {
    let fields = [("bytes", number("3003")), ("peer", word("127.0.0.1:80"))];
    let said = "sending 3003 bytes to 127.0.0.1:80";
    assert_eq!(text(said, &fields), said);
    assert_eq!(text("sending", &fields), "sending bytes=3003 peer=127.0.0.1:80");
}

#[test]
fn a_field_that_only_seems_to_be_in_the_message_is_added() {
    assert_eq!(text("sent 30030 bytes", &[("n", number("3003"))]), "sent 30030 bytes n=3003");
    assert_eq!(text("sent 13003", &[("n", number("3003"))]), "sent 13003 n=3003");
    assert_eq!(text("x33 33", &[("n", number("33"))]), "x33 33");
}

/// What a peer may send in order to forge a line, to move a terminal's cursor, or to hide what follows.
const HOSTILE: &str =
    "x\n2026-11-22 [-] ends\r\u{1b}[2Jy\u{0}z\u{7f}\u{85}\u{9b}31m\u{8}\t\u{b}\u{c}";

fn assert_one_clean_line(line: &str) {
    let inside = line.strip_suffix('\n').unwrap();
    let control = inside.chars().find(|c| c.is_control());
    assert_eq!(control, None, "in {inside:?}");
}

#[test]
fn no_control_character_of_a_message_or_field_gets_into_text() {
    assert_one_clean_line(&line(Format::Text, Level::INFO, HOSTILE, &[]));
    assert_one_clean_line(&line(Format::Text, Level::INFO, "x", &[("from", word(HOSTILE))]));
}

#[test]
fn no_control_character_of_a_message_or_field_gets_into_json() {
    assert_one_clean_line(&line(Format::Json, Level::INFO, HOSTILE, &[]));
    assert_one_clean_line(&line(Format::Json, Level::INFO, "x", &[("from", word(HOSTILE))]));
}

#[test]
fn text_shows_what_it_escaped() {
    assert_eq!(text("a\nb\u{1b}c", &[]), "a\\nb\\u{1b}c");
    assert_eq!(text("élégie – Ἀλλά", &[]), "élégie – Ἀλλά");
}

#[test]
fn json_gives_back_what_it_escaped() {
    let value: serde_json::Value =
        serde_json::from_str(&json(HOSTILE, &[("from", word("\"}\\"))])).unwrap();
    assert_eq!((&value["message"], &value["from"]), (&HOSTILE.into(), &"\"}\\".into()));
}
