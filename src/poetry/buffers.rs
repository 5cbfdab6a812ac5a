//! The buffers of a forwarder, which its connections share.
//!
//! A connection needs a buffer only while it passes something on, or if what it has read can't be written yet. So
//! thousands of connections on which nothing passes have none, and one large buffer, which is still in the
//! processor's cache, is enough for many fast ones.

use crate::sync::Mutex;
use std::ops::{Deref, DerefMut};

/// So much is read at once.
const LARGE: usize = 256 * 1024;

/// So much is read at once where too many large buffers are in use.
pub(super) const SMALL: usize = 8 * 1024;

/// At most this many large buffers are in use at the same time: 16 MiB.
const MOST_LARGE: usize = 64;

/// At most this many large buffers are kept for the next use.
const MOST_SPARE: usize = 4;

/// Lends buffers.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Large>);

#[derive(Default)]
struct Large {
    lent: usize,
    spare: Vec<Box<[u8]>>,
}

/// A buffer that goes back when it is dropped.
pub(super) struct Buffer<'a> {
    bytes: Box<[u8]>,
    of: &'a Buffers,
}

impl Buffers {
    /// A large buffer, or a small one if too many large ones are in use.
    pub(super) fn lend(&self) -> Buffer<'_> {
        let spare = {
            let mut large = self.0.lock();
            if large.lent == MOST_LARGE {
                drop(large);
                return self.lend_small();
            }
            large.lent += 1;
            large.spare.pop()
        };
        Buffer { bytes: spare.unwrap_or_else(|| zeroed(LARGE)), of: self }
    }

    pub(super) fn lend_small(&self) -> Buffer<'_> {
        Buffer { bytes: zeroed(SMALL), of: self }
    }

    /// How many large buffers are in use, and how many are kept.
    #[cfg(test)]
    pub(super) fn large(&self) -> (usize, usize) {
        let large = self.0.lock();
        (large.lent, large.spare.len())
    }
}

fn zeroed(size: usize) -> Box<[u8]> {
    vec![0; size].into()
}

impl Deref for Buffer<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        if self.bytes.len() < LARGE {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let mut large = self.of.0.lock();
        large.lent -= 1;
        if large.spare.len() < MOST_SPARE {
            large.spare.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
