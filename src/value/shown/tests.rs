use super::*;

#[test]
fn what_a_terminal_would_obey_is_escaped() {
    assert_eq!(plain("a\u{1b}[31m\r\n\u{202e}b", 80), "a\\u{1b}[31m\\r\\n\\u{202e}b");
    assert_eq!(quoted("\u{1b}]0;\u{7}\"\\"), "\"\\u{1b}]0;\\u{7}\\\"\\\\\"");
}

#[test]
fn what_people_write_stays_as_it_is() {
    for text in ["Ἀλλ᾽ – é", "詩", "e\u{301}", "C:\\ \"quoted\"", "हिन्दी"] {
        assert_eq!(plain(text, 80), text);
    }
}

#[test]
fn what_is_too_long_is_cut_with_an_ellipsis() {
    assert_eq!(quoted(&"x".repeat(5_000_000)), format!("\"{}\"…", "x".repeat(80)));
    assert_eq!(quoted(&"x".repeat(80)), format!("\"{}\"", "x".repeat(80)));
    assert_eq!(plain(&"詩".repeat(10), 7), "詩詩詩…");
}

#[test]
fn characters_are_as_wide_as_a_terminal_shows_them() {
    for (c, width) in
        [('a', 1), ('é', 1), ('詩', 2), ('🌹', 2), ('\u{301}', 0), ('\u{1b}', 6), ('\n', 2)]
    {
        assert_eq!(columns(c), width, "{c:?}");
    }
}
