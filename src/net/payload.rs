//! Bytes that are sent to any number of clients from one copy.

use super::pages::{Pages, send_pages};
use bytes::Bytes;
use socket2::Socket;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Deref;
use tracing::warn;

/// The length, in bytes, from which the content of a file is kept in [pages of its own](Pages).
const LARGE: u64 = 256 << 10;

/// Bytes that never change, and that are sent to any number of clients from one copy. Cheap to clone; otherwise
/// used like a slice.
#[derive(Clone)]
pub struct Payload {
    bytes: Bytes,
    /// Whether they belong to [`Pages`].
    in_pages: bool,
}

impl Payload {
    /// Reads the rest of `file` into one copy, which does not depend on the file any more.
    ///
    /// A large payload, 256 KiB or more, is sent by vmsplice(2) and splice(2), which saves a copy for each client.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(file: &mut File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        if length >= LARGE {
            let start = file.stream_position()?;
            let rest = length.saturating_sub(start);
            if rest >= LARGE {
                match Pages::read(file, usize::try_from(rest).unwrap_or(usize::MAX)) {
                    Ok(pages) => {
                        return Ok(Self { bytes: Bytes::from_owner(pages), in_pages: true });
                    }
                    Err(e) => {
                        warn!("each client gets a copy of it, which takes more CPU time: {e}")
                    }
                }
                file.seek(io::SeekFrom::Start(start))?;
            }
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
        // With `take`, the standard library does not ask for the length again, and not for the position either.
        file.take(u64::MAX).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    /// Sends as much as the kernel accepts now, from `sent` on, at most `most` bytes, and returns how much that
    /// was.
    ///
    /// If the FIN comes right after the end of the payload, the last segment waits for it, and is sent together with it:
    /// MSG_MORE. Otherwise it must not wait: if it is longer than what the kernel may have unsent, which is possible over
    /// loopback, nobody would be told to send more, and it would wait for the kernel's timer.
    pub(super) fn send(
        &self,
        stream: &Socket,
        sent: usize,
        most: usize,
        fin_comes_next: bool,
    ) -> io::Result<usize> {
        let rest = &self.bytes[sent..];
        let turn = &rest[..rest.len().min(most)];
        let waits = fin_comes_next && turn.len() == rest.len();
        if !self.in_pages {
            return send_copy(stream, turn, waits);
        }
        let (sent, end) = send_pages(stream, turn, waits);
        match end {
            Ok(()) => Ok(sent),
            Err(e) if e.kind() == io::ErrorKind::Unsupported => {
                Ok(sent + send_copy(stream, &turn[sent..], waits)?)
            }
            Err(e) if sent == 0 && e.kind() != io::ErrorKind::WouldBlock => Err(e),
            Err(_) => Ok(sent),
        }
    }
}

/// Sends as much as the kernel accepts now.
fn send_copy(stream: &Socket, bytes: &[u8], more: bool) -> io::Result<usize> {
    let more = if more { libc::MSG_MORE } else { 0 };
    loop {
        match stream.send_with_flags(bytes, more | libc::MSG_NOSIGNAL) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            taken => return taken,
        }
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The same copy: nothing is copied.
impl From<Payload> for Bytes {
    fn from(payload: Payload) -> Self {
        payload.bytes
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, in_pages: false }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static [u8]> for Payload {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl From<&'static str> for Payload {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests;
