//! What the transform service can do to a poem. Another transform is another entry in the table.

/// Makes a new poem of a poem.
pub type Transform = fn(&[u8]) -> Vec<u8>;

/// All transforms, by the name that a client asks for: name, what it does, and the function.
pub const TRANSFORMS: &[(&str, &str, Transform)] = &[
    ("cummingsify", "lower case, after e. e. cummings", cummingsify),
    ("shout", "upper case", shout),
    ("rot13", "letters of the English alphabet, 13 further; twice is once too often", rot13),
    ("mirror", "each line backwards, from right to left", mirror),
    ("envoi", "the last line first, and so on to the first", envoi),
    ("number", "line numbers, for those who have to write about it", number),
];

/// The transform of that name.
pub fn find(name: &[u8]) -> Option<Transform> {
    TRANSFORMS
        .iter()
        .find(|(known, _, _)| known.as_bytes() == name)
        .map(|(.., transform)| *transform)
}

/// Text is dealt with as Unicode; what is not UTF-8 keeps all its bytes but the ASCII letters.
fn cummingsify(poem: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(poem) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => poem.to_ascii_lowercase(),
    }
}

fn shout(poem: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(poem) {
        Ok(text) => text.to_uppercase().into_bytes(),
        Err(_) => poem.to_ascii_uppercase(),
    }
}

fn rot13(poem: &[u8]) -> Vec<u8> {
    let turn = |byte: u8, a: u8| (byte - a + 13) % 26 + a;
    let letter = |byte: &u8| match *byte {
        b'a'..=b'z' => turn(*byte, b'a'),
        b'A'..=b'Z' => turn(*byte, b'A'),
        other => other,
    };
    poem.iter().map(letter).collect()
}

fn mirror(poem: &[u8]) -> Vec<u8> {
    lines(poem, |line| match std::str::from_utf8(line) {
        Ok(text) => text.chars().rev().collect::<String>().into_bytes(),
        Err(_) => line.iter().rev().copied().collect(),
    })
}

fn envoi(poem: &[u8]) -> Vec<u8> {
    let (body, end) = split_end(poem);
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').rev().collect();
    [&lines.join(&b'\n'), end].concat()
}

fn number(poem: &[u8]) -> Vec<u8> {
    let mut number = 0;
    lines(poem, |line| {
        number += 1;
        [format!("{number:4}  ").as_bytes(), line].concat()
    })
}

/// Changes each line by itself; newlines stay where they are.
fn lines(poem: &[u8], change: impl FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (body, end) = split_end(poem);
    let changed: Vec<Vec<u8>> = body.split(|byte| *byte == b'\n').map(change).collect();
    [&changed.join(&b'\n'), end].concat()
}

/// The poem without its last newline, and that newline if there is one.
fn split_end(poem: &[u8]) -> (&[u8], &[u8]) {
    match poem.strip_suffix(b"\n") {
        Some(body) => (body, b"\n"),
        None => (poem, b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transformed(name: &str, poem: &[u8]) -> Vec<u8> {
        find(name.as_bytes()).unwrap()(poem)
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
        for (name, _, transform) in TRANSFORMS.iter().filter(|(name, ..)| *name != "number") {
            assert_eq!(transform(b""), b"", "{name}");
        }
    }
}
