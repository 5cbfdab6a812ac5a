//! Netstrings: `12:hello world!,`. A decimal length, a colon, that many bytes, a comma.
//!
//! As [described](https://cr.yp.to/proto/netstrings.txt) by D. J. Bernstein and implemented by Twisted's
//! `NetstringReceiver`: no leading zeros, except in `0:,`.

use bytes::{Buf, Bytes, BytesMut};
use std::ops::Range;

/// Why something is not a netstring, or not one that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetstringError {
    /// The length is missing, or has characters other than digits, or a leading zero.
    #[error("the length of a netstring is a decimal number without leading zeros, and a colon")]
    Length,
    /// It is longer than the receiver accepts.
    #[error("a netstring of more than {0} bytes")]
    TooLong(usize),
    /// The bytes are not followed by a comma.
    #[error("a netstring ends in a comma")]
    Comma,
}

/// What follows the bytes of a netstring.
pub const END: u8 = b',';

/// What precedes the bytes of a netstring with this length.
pub fn start(length: usize) -> Vec<u8> {
    format!("{length}:").into_bytes()
}

/// The netstring of `bytes`.
pub fn encode(bytes: &[u8]) -> Bytes {
    [&start(bytes.len()), bytes, &[END]].concat().into()
}

/// Looks for a netstring at the start of what has been received so far, and returns the range of its bytes, which
/// need not have arrived yet. `None`: its length is not complete.
///
/// # Errors
/// As soon as what has been received can't be the beginning of a netstring of up to `max_length` bytes.
pub fn range(received: &[u8], max_length: usize) -> Result<Option<Range<usize>>, NetstringError> {
    let most_digits = max_length.to_string().len();
    let digits = received.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 1 && received[0] == b'0' {
        return Err(NetstringError::Length);
    }
    if digits > most_digits {
        return Err(NetstringError::TooLong(max_length));
    }
    match received.get(digits) {
        None => return Ok(None),
        Some(b':') if digits > 0 => {}
        Some(_) => return Err(NetstringError::Length),
    }
    // Digits, and not too many of them; a number that overflows is certainly too long.
    let length = std::str::from_utf8(&received[..digits]).ok().and_then(|text| text.parse().ok());
    let start = digits + 1;
    let end = length.filter(|length| *length <= max_length).and_then(|l| start.checked_add(l));
    Ok(Some(start..end.ok_or(NetstringError::TooLong(max_length))?))
}

/// Removes one netstring from the start of what has been received so far, and returns its bytes.
///
/// `None`: it is not complete. Nothing is allocated. A buffer that is filled until this returns something grows
/// to at most `max_length` and some 20 bytes.
///
/// # Errors
/// As soon as what has been received can't be the beginning of a netstring of up to `max_length` bytes.
pub fn decode(received: &mut BytesMut, max_length: usize) -> Result<Option<Bytes>, NetstringError> {
    let Some(range) = range(received, max_length)? else { return Ok(None) };
    match received.get(range.end) {
        None => Ok(None),
        Some(&END) => {
            received.advance(range.start);
            let bytes = received.split_to(range.len()).freeze();
            received.advance(1);
            Ok(Some(bytes))
        }
        Some(_) => Err(NetstringError::Comma),
    }
}

#[cfg(test)]
mod tests;
