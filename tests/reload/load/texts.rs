//! Poems that differ in every line, so that a client knows which of them it has received, and whether all of it is of
//! that one.

/// The length of a line: the number of the text, and that of the line.
const LINE: usize = 16;

/// Text number `number`, whose length is `lines` lines.
pub fn text(number: usize, lines: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(lines * LINE);
    for line in 0..lines {
        text.extend(digits::<7>(number));
        text.push(b' ');
        text.extend(digits::<7>(line));
        text.push(b'\n');
    }
    text
}

/// A decimal number with leading zeros.
fn digits<const N: usize>(mut number: usize) -> [u8; N] {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    digits
}

/// Text number `number` of a series whose lengths differ.
pub fn short_text(number: usize) -> Vec<u8> {
    text(number, 200 + number % 37)
}

/// Which of the short texts these bytes are. `None`: none, or not the whole of it.
pub fn number_of_short_text(bytes: &[u8]) -> Option<usize> {
    let number = std::str::from_utf8(bytes.get(..7)?).ok()?.parse().ok()?;
    (short_text(number) == bytes).then_some(number)
}
