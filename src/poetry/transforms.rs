//! What the transform service can do to a poem. To add a transform, add an entry to the table.
//!
//! A new poem is made piece by piece, since it may be much longer than the old one. It is never in memory as a
//! whole.

use std::io::Write;
use std::ops::Range;

/// A new poem: consecutive pieces. None is longer than 100 kB.
pub type Pieces<'a> = Box<dyn Iterator<Item = Vec<u8>> + Send + 'a>;

/// Makes a new poem from a poem.
pub type Transform = for<'a> fn(&'a [u8]) -> Pieces<'a>;

/// All transforms: the name that a client sends, what it does, and the function.
pub const TRANSFORMS: &[(&str, &str, Transform)] = &[
    ("cummingsify", "lower case, after e. e. cummings", cummingsify),
    ("shout", "upper case", shout),
    ("rot13", "moves each letter of the English alphabet by 13 places", rot13),
    ("mirror", "each line backwards", mirror),
    ("envoi", "the lines in reverse order", envoi),
    ("number", "a number before each line", number),
];

/// How much of a poem becomes a piece, in bytes. (In tests, short poems have several pieces.)
const PIECE: usize = if cfg!(test) { 16 } else { 32 * 1024 };

/// How many bytes around a letter its form may depend on.
const CONTEXT: usize = 256;

/// The transform with that name.
pub fn find(name: &[u8]) -> Option<Transform> {
    TRANSFORMS
        .iter()
        .find(|(known, _, _)| known.as_bytes() == name)
        .map(|(.., transform)| *transform)
}

/// Text is treated as Unicode; in text that is not UTF-8, only ASCII letters are changed.
fn cummingsify(poem: &[u8]) -> Pieces<'_> {
    match std::str::from_utf8(poem) {
        Ok(text) => Box::new(pieces_of(text).map(|piece| lower_case(text, piece).into_bytes())),
        Err(_) => Box::new(poem.chunks(PIECE).map(<[u8]>::to_ascii_lowercase)),
    }
}

fn shout(poem: &[u8]) -> Pieces<'_> {
    match std::str::from_utf8(poem) {
        Ok(text) => Box::new(pieces_of(text).map(|piece| text[piece].to_uppercase().into_bytes())),
        Err(_) => Box::new(poem.chunks(PIECE).map(<[u8]>::to_ascii_uppercase)),
    }
}

fn rot13(poem: &[u8]) -> Pieces<'_> {
    let turn = |byte: u8, a: u8| (byte - a + 13) % 26 + a;
    let letter = move |byte: &u8| match *byte {
        b'a'..=b'z' => turn(*byte, b'a'),
        b'A'..=b'Z' => turn(*byte, b'A'),
        other => other,
    };
    Box::new(poem.chunks(PIECE).map(move |piece| piece.iter().map(letter).collect()))
}

fn mirror(poem: &[u8]) -> Pieces<'_> {
    let (body, end) = split_end(poem);
    joined(body.split(is_newline).map(backwards), end)
}

fn envoi(poem: &[u8]) -> Pieces<'_> {
    let (body, end) = split_end(poem);
    joined(body.rsplit(is_newline).map(|line| line.chunks(PIECE)), end)
}

/// Not with [`joined`] lines, since there may be millions of them.
fn number(poem: &[u8]) -> Pieces<'_> {
    let (body, end) = split_end(poem);
    let (mut rest, mut number) = (Some(body), 0u64);
    let mut line_begins = true;
    Box::new(std::iter::from_fn(move || {
        let mut piece = Vec::new();
        while let Some(body) = rest
            && piece.len() < PIECE
        {
            if line_begins {
                number += 1;
                let _ = write!(piece, "{number:4}  "); // writing to memory can't fail
            }
            let part = &body[..body.len().min(PIECE)];
            let newline = part.iter().position(is_newline);
            let (part, others) = body.split_at(newline.map_or(part.len(), |at| at + 1));
            piece.extend_from_slice(part);
            line_begins = newline.is_some();
            rest = Some(others);
            if others.is_empty() && !line_begins {
                piece.extend_from_slice(end);
                rest = None;
            }
        }
        (!piece.is_empty()).then_some(piece)
    }))
}

/// Splits a text between letters.
fn pieces_of(text: &str) -> impl Iterator<Item = Range<usize>> + Send {
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = end;
        end = text.floor_char_boundary(start + PIECE);
        (start < end).then_some(start..end)
    })
}

/// A piece of a text in lower case, as it is within the whole text in lower case: a capital sigma at the end of a
/// word has another form than elsewhere.
fn lower_case(text: &str, piece: Range<usize>) -> String {
    let start = text.floor_char_boundary(piece.start.saturating_sub(CONTEXT));
    let end = text.ceil_char_boundary(text.len().min(piece.end + CONTEXT));
    let mut lower = text[start..end].to_lowercase();
    // Both sigmas have the same length.
    lower.truncate(lower.len() - text[piece.end..end].to_lowercase().len());
    lower.split_off(text[start..piece.start].to_lowercase().len())
}

/// A line from right to left.
fn backwards(line: &[u8]) -> impl Iterator<Item = Vec<u8>> + Send {
    let text = std::str::from_utf8(line).ok();
    let mut start = line.len();
    std::iter::from_fn(move || {
        let end = start;
        start = end.saturating_sub(PIECE);
        let piece = match text {
            Some(text) => {
                start = text.floor_char_boundary(start);
                text[start..end].chars().rev().collect::<String>().into_bytes()
            }
            None => line[start..end].iter().rev().copied().collect(),
        };
        (start < end).then_some(piece)
    })
}

/// Puts newlines between lines, each of which is given in fragments of at most about a piece, and `end` after the
/// last.
fn joined<'a, L>(mut lines: impl Iterator<Item = L> + Send + 'a, end: &'a [u8]) -> Pieces<'a>
where
    L: Iterator<Item: AsRef<[u8]>> + Send + 'a,
{
    let mut line = lines.next();
    Box::new(std::iter::from_fn(move || {
        let mut piece = Vec::new();
        while let Some(fragments) = &mut line
            && piece.len() < PIECE
        {
            match fragments.next() {
                Some(fragment) => piece.extend_from_slice(fragment.as_ref()),
                None => {
                    line = lines.next();
                    piece.extend_from_slice(if line.is_some() { b"\n" } else { end });
                }
            }
        }
        (!piece.is_empty()).then_some(piece)
    }))
}

/// The poem without its last newline, and that newline if there is one.
fn split_end(poem: &[u8]) -> (&[u8], &[u8]) {
    match poem.strip_suffix(b"\n") {
        Some(body) => (body, b"\n"),
        None => (poem, b""),
    }
}

fn is_newline(byte: &u8) -> bool {
    *byte == b'\n'
}

#[cfg(test)]
mod tests;
