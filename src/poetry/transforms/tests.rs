use super::*;
use proptest::prelude::*;

fn transformed(name: &str, poem: &[u8]) -> Vec<u8> {
    find(name.as_bytes()).unwrap()(poem).collect::<Vec<_>>().concat()
}

#[test]
fn cummingsify_makes_lower_case_of_text_in_any_language() {
    assert_eq!(
        transformed("cummingsify", "Or Perché È SÌ".as_bytes()),
        "or perché è sì".as_bytes()
    );
}

#[test]
fn cummingsify_leaves_bytes_alone_that_are_not_text() {
    assert_eq!(transformed("cummingsify", b"A\xc8\xffZ"), b"a\xc8\xffz");
}

#[test]
fn each_does_what_it_says() {
    assert_eq!(transformed("shout", "così\n".as_bytes()), "COSÌ\n".as_bytes());
    assert_eq!(transformed("rot13", b"Hello, 13!"), b"Uryyb, 13!");
    assert_eq!(transformed("rot13", &transformed("rot13", b"Az\xff")), b"Az\xff");
    assert_eq!(transformed("mirror", "perché\nno\n".as_bytes()), "éhcrep\non\n".as_bytes());
    assert_eq!(transformed("envoi", b"one\ntwo\nthree\n"), b"three\ntwo\none\n");
    assert_eq!(transformed("number", b"one\n\ntwo"), b"   1  one\n   2  \n   3  two");
}

#[test]
fn an_empty_poem_stays_a_poem() {
    for (name, ..) in TRANSFORMS.iter().filter(|(name, ..)| *name != "number") {
        assert_eq!(transformed(name, b""), b"", "{name}");
    }
}

#[test]
fn no_piece_is_much_longer_than_it_should_be() {
    for poem in [vec![b'x'; 1000], vec![b'\n'; 1000], "ΐ".repeat(500).into_bytes()] {
        for (name, _, transform) in TRANSFORMS {
            let longest = transform(&poem).map(|piece| piece.len()).max().unwrap();
            assert!(longest <= 3 * PIECE, "{name}: {longest} bytes");
        }
    }
}

/// Each transform by itself, of a poem as a whole.
fn as_a_whole(name: &str, poem: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(poem);
    let (body, end) = split_end(poem);
    let mut lines: Vec<Vec<u8>> = body.split(is_newline).map(<[u8]>::to_vec).collect();
    match (name, text) {
        ("cummingsify", Ok(text)) => return text.to_lowercase().into_bytes(),
        ("cummingsify", Err(_)) => return poem.to_ascii_lowercase(),
        ("shout", Ok(text)) => return text.to_uppercase().into_bytes(),
        ("shout", Err(_)) => return poem.to_ascii_uppercase(),
        ("mirror", _) => lines.iter_mut().for_each(|line| match str::from_utf8(line) {
            Ok(text) => *line = text.chars().rev().collect::<String>().into_bytes(),
            Err(_) => line.reverse(),
        }),
        ("envoi", _) => lines.reverse(),
        ("number", _) => lines.iter_mut().zip(1..).for_each(|(line, number)| {
            line.splice(..0, format!("{number:4}  ").into_bytes());
        }),
        _ => unreachable!("{name}"),
    }
    [&lines.join(&b'\n'), end].concat()
}

fn assert_pieces_are_the_whole(poem: &[u8]) {
    for name in ["cummingsify", "shout", "mirror", "envoi", "number"] {
        let (new, expected) = (transformed(name, poem), as_a_whole(name, poem));
        assert_eq!(new, expected, "{name} of {:?}", String::from_utf8_lossy(poem));
    }
}

proptest! {
    #[test]
    fn the_pieces_of_a_new_poem_are_the_whole_of_it(poem in "[aΣσΑß'İŉΐ.\u{345}\u{301}é \n𝄞]{0,100}") {
        assert_pieces_are_the_whole(poem.as_bytes());
    }

    #[test]
    fn the_pieces_of_what_is_not_text_are_the_whole_of_it(
        poem in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n')], 0..200),
    ) {
        assert_pieces_are_the_whole(&poem);
    }
}
