//! Reads the answer to a request: strictly, and not more than a limit.

use std::io::{self, Read};

/// How large the head of an answer may be.
const MAX_HEAD: usize = 16 * 1024;

/// How large the text of an answer may be: enough for a hundred thousand services.
const MAX_BODY: usize = 128 * 1024 * 1024;

/// An answer.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Why an answer can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the connection was closed before the answer was complete")]
    Cut,
    #[error("the answer is not one of HTTP/1.1 as this program expects it: {0}")]
    Wrong(&'static str),
    #[error("the answer is larger than {MAX_BODY} bytes")]
    TooLarge,
}

/// Reads one answer.
pub(super) fn read(stream: &mut impl Read) -> Result<Answer, AnswerError> {
    let (head, rest) = read_head(stream)?;
    let head = std::str::from_utf8(&head).map_err(|_| AnswerError::Wrong("it is not text"))?;
    let mut lines = head.split("\r\n");
    let status = status(lines.next().unwrap_or_default())?;
    let length = length(lines)?;
    if length > MAX_BODY {
        return Err(AnswerError::TooLarge);
    }
    if rest.len() > length {
        return Err(AnswerError::Wrong("there is more than it says"));
    }
    let mut body = rest;
    let missing = length - body.len();
    let read = stream.take(missing as u64).read_to_end(&mut body)?;
    if read < missing { Err(AnswerError::Cut) } else { Ok(Answer { status, body }) }
}

/// The head without the empty line at its end, and what came after it.
fn read_head(stream: &mut impl Read) -> Result<(Vec<u8>, Vec<u8>), AnswerError> {
    const END: &[u8] = b"\r\n\r\n";
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = bytes.windows(END.len()).position(|window| window == END) {
            let rest = bytes.split_off(end + END.len());
            bytes.truncate(end);
            return Ok((bytes, rest));
        }
        if bytes.len() > MAX_HEAD {
            return Err(AnswerError::Wrong("its head is too large"));
        }
        match stream.read(&mut piece) {
            Ok(0) => return Err(AnswerError::Cut),
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
}

fn status(line: &str) -> Result<u16, AnswerError> {
    let rest = line.strip_prefix("HTTP/1.1 ").ok_or(AnswerError::Wrong("its first line"))?;
    let number = rest.split(' ').next().filter(|number| number.len() == 3);
    let number = number.and_then(|number| number.parse().ok());
    number.ok_or(AnswerError::Wrong("its status"))
}

/// The length of the text. A daemon always says it.
fn length<'a>(headers: impl Iterator<Item = &'a str>) -> Result<usize, AnswerError> {
    let mut length = None;
    for header in headers {
        let (name, value) = header.split_once(':').ok_or(AnswerError::Wrong("a header"))?;
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(AnswerError::Wrong("its encoding"));
        }
        if name.eq_ignore_ascii_case("content-length") {
            let number = value.trim().parse().map_err(|_| AnswerError::Wrong("its length"))?;
            if length.replace(number).is_some() {
                return Err(AnswerError::Wrong("it has two lengths"));
            }
        }
    }
    length.ok_or(AnswerError::Wrong("it has no length"))
}

#[cfg(test)]
mod tests;
