//! The readers of single values.

use super::application_and;
use crate::config::{Value, nearest, read};
use std::path::PathBuf;
use std::time::Duration;

/// Reads `value`, as it is written in a file. `None`: it was refused.
fn value<T>(value: &str, read: impl FnOnce(&Value<'_>) -> Result<T, String>) -> Option<T> {
    let text = format!("value = {value}\n[services.poem]\nkind = \"poem\"\nfile = \"x\"\n");
    let parsed = application_and(&text, |top| top.required("value", read));
    parsed.ok().and_then(|(_, value)| value)
}

#[test]
fn sizes() {
    for (text, bytes) in [
        ("0", 0),
        ("65536", 65_536),
        ("1_000_000", 1_000_000),
        ("0xff", 255),
        ("\"17\"", 17),
        ("\"17B\"", 17),
        ("\"64kB\"", 64_000),
        ("\"64KB\"", 64_000),
        ("\"64 KiB\"", 65_536),
        ("\"1MB\"", 1_000_000),
        ("\"1MiB\"", 1_048_576),
        ("\"2GB\"", 2_000_000_000),
        ("\"2GiB\"", 2_147_483_648),
        ("\"18446744073709551615\"", u64::MAX),
    ] {
        assert_eq!(value(text, read::size), Some(bytes), "{text}");
    }
    for text in [
        "-1",
        "1.5",
        "true",
        "\"\"",
        "\"MB\"",
        "\"1.5MB\"",
        "\"-1MB\"",
        "\"1mb\"",
        "\"1TB\"",
        "\"1MB \"",
        "\" 1MB\"",
        "\"18446744073709551616\"",
        "\"18446744073709551615kB\"",
    ] {
        assert_eq!(value(text, read::size), None, "{text}");
    }
}

#[test]
fn octals() {
    for (text, bits) in [("\"077\"", 0o077), ("\"0\"", 0), ("\"777\"", 0o777), ("\"0022\"", 0o22)] {
        assert_eq!(value(text, read::octal), Some(bits), "{text}");
    }
    // A number without quotes could be meant as octal or as decimal.
    for text in
        ["77", "0o77", "\"\"", "\"8\"", "\"0o77\"", "\"+7\"", "\"-7\"", "\" 7\"", "\"1777\""]
    {
        assert_eq!(value(text, read::octal), None, "{text}");
    }
}

#[test]
fn seconds() {
    for (text, milliseconds) in [
        ("0", 0),
        ("30", 30_000),
        ("0.5", 500),
        ("1_0.25", 10_250),
        ("1e3", 1_000_000),
        ("-0.0", 0),
    ] {
        let expected = Duration::from_millis(milliseconds);
        assert_eq!(value(text, read::seconds), Some(expected), "{text}");
    }
    for text in
        ["-1", "-0.1", "inf", "-inf", "nan", "1e300", "9223372036854775807", "\"30\"", "\"30s\""]
    {
        assert_eq!(value(text, read::seconds), None, "{text}");
    }
}

#[test]
fn ports() {
    for (text, port) in
        [("0", 0), ("17", 17), ("65535", 65_535), ("0x2710", 10_000), ("10_000", 10_000)]
    {
        assert_eq!(value(text, read::port), Some(port), "{text}");
    }
    for text in ["-1", "65536", "80.0", "\"80\"", "true", "[80]"] {
        assert_eq!(value(text, read::port), None, "{text}");
    }
}

#[test]
fn whole_numbers_within_their_range() {
    let read_one_to_ten = |text| value(text, read::integer(1..=10u8));
    assert_eq!((read_one_to_ten("1"), read_one_to_ten("10")), (Some(1), Some(10)));
    for text in ["0", "11", "257", "-1", "1.0"] {
        assert_eq!(read_one_to_ten(text), None, "{text}");
    }
}

#[test]
fn names_and_truths() {
    assert_eq!(value("\"\"", read::string).as_deref(), Some(""));
    assert_eq!(value("\"\"", read::word), None);
    assert_eq!(value("\"a b\"", read::path), Some(PathBuf::from("a b")));
    assert_eq!(value("true", read::boolean), Some(true));
    assert_eq!(value("\"true\"", read::boolean), None);
    assert_eq!(value("1", read::boolean), None);
}

#[test]
fn one_of_several_words() {
    let read_colour = |text| value(text, read::one_of(&[("red", 1), ("green", 2)]));
    assert_eq!((read_colour("\"red\""), read_colour("\"green\"")), (Some(1), Some(2)));
    assert_eq!((read_colour("\"Red\""), read_colour("\"\""), read_colour("1")), (None, None, None));
}

#[test]
fn the_nearest_word_is_near() {
    let words = ["interface", "port", "protocol", "poem"];
    for (typed, meant) in [
        ("prot", Some("port")),
        ("peom", Some("poem")),
        ("interfaces", Some("interface")),
        ("iface", None),
        ("zzz", None),
        ("", None),
    ] {
        assert_eq!(nearest(typed, words), meant, "{typed}");
    }
}
