use super::*;

#[test]
fn a_reason_is_shown_whole_whatever_the_width() {
    assert_eq!(folded("abcdefg", 3), "abc\ndef\ng\n");
    assert_eq!(folded("abc", 3), "abc\n");
    assert_eq!(folded("詩歌a", 3), "詩\n歌a\n");
    assert_eq!(folded("詩歌", 1), "詩\n歌\n");
    assert_eq!(folded("", 3), "");
}

#[test]
fn silence_says_since_when_and_what_is_done() {
    let since = "2026-11-29T13:50:00Z".parse().unwrap();
    let now = "2026-11-29T13:51:05Z".parse().unwrap();
    let gone = silence("poetryd", since, None, now).concat();
    assert!(gone.starts_with("poetryd is not running since 2026-11-"), "{gone}");
    assert!(gone.ends_with(" (1 min 5 s); waiting"), "{gone}");
    let stuck = silence("poetryd", since, Some("a\u{1b}[31m"), since);
    assert!(stuck[0].ends_with(" (0 s); trying again"), "{stuck:?}");
    assert_eq!(stuck[1], "a\u{1b}[31m"); // escaped by whoever shows it
}
