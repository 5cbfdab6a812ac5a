//! Several datagrams with one system call: recvmmsg(2) and sendmmsg(2).

use bytes::Bytes;
use socket2::{SockAddr, SockAddrStorage};
use std::array::from_fn;
use std::io;
use std::mem::zeroed;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::ptr;

/// How many datagrams are received at once. With more, an answer costs no less.
pub(super) const BATCH: usize = 16;

/// Larger than any datagram.
pub(super) const LARGEST_DATAGRAM: usize = 65_536;

/// Datagrams of any size that were received at once. Of its 1 MiB, the system provides what datagrams have needed
/// so far: 64 kB if they are short.
pub(super) struct Batch {
    bytes: Box<[u8]>,
    /// Where each datagram came from, and its length.
    received: Vec<(SockAddr, usize)>,
}

impl Batch {
    /// Without datagrams.
    pub(super) fn new() -> Self {
        let bytes = vec![0; BATCH * LARGEST_DATAGRAM].into();
        Self { bytes, received: Vec::with_capacity(BATCH) }
    }

    /// Replaces the datagrams by those that wait, as many as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` if there are none.
    pub(super) fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<()> {
        self.received.clear();
        let mut rooms = self.bytes.chunks_exact_mut(LARGEST_DATAGRAM);
        let mut vectors: [_; BATCH] = from_fn(|_| vector(rooms.next().unwrap_or_default()));
        let mut sources: [_; BATCH] = from_fn(|_| SockAddrStorage::zeroed());
        let mut headers: [_; BATCH] = from_fn(|n| {
            let (source, length) = (&raw mut sources[n], sources[n].size_of());
            header(&raw mut vectors[n], source, length)
        });
        let (fd, most) = (socket.as_raw_fd(), BATCH as libc::c_uint);
        // (For musl, flags are unsigned.)
        let (flags, no_timeout) = (libc::MSG_DONTWAIT as _, ptr::null_mut());
        // SAFETY: there are `most` headers. Each points to its own vector and source, and the vector to its own part
        // of `bytes`. All of them outlive the call, and nothing else uses them meanwhile.
        let received = unsafe { libc::recvmmsg(fd, headers.as_mut_ptr(), most, flags, no_timeout) };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        let lengths = headers.map(|header| (header.msg_hdr.msg_namelen, header.msg_len as usize));
        self.received.extend(sources.into_iter().zip(lengths).take(received).map(
            |(source, (length, bytes))| {
                // SAFETY: the system has written an address of this length.
                (unsafe { SockAddr::new(source, length) }, bytes)
            },
        ));
        Ok(())
    }

    /// The source of each datagram, and the datagram.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let rooms = self.bytes.chunks_exact(LARGEST_DATAGRAM);
        self.received.iter().zip(rooms).map(|((source, length), room)| {
            // A socket of UDP has no other addresses.
            let source = source.as_socket().unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into());
            (source, &room[..*length])
        })
    }

    /// Sends answers to the datagrams with these numbers. Returns for each how many bytes were sent.
    ///
    /// # Panics
    /// If there is no such datagram.
    pub(super) fn answer(
        &self,
        socket: &impl AsRawFd,
        answers: &[(usize, Bytes)],
    ) -> Vec<io::Result<usize>> {
        let vector = |(_, answer): &(usize, Bytes)| libc::iovec {
            iov_base: answer.as_ptr().cast_mut().cast(),
            iov_len: answer.len(),
        };
        let mut vectors: Vec<_> = answers.iter().map(vector).collect();
        let peers = answers.iter().map(|(n, _)| &self.received[*n].0);
        let messages = vectors.iter_mut().zip(peers);
        let mut headers: Vec<_> = messages
            .map(|(vector, peer)| header(vector, peer.as_ptr().cast_mut(), peer.len()))
            .collect();
        let mut done = Vec::with_capacity(headers.len());
        while done.len() < headers.len() {
            let rest = &mut headers[done.len()..];
            let (fd, number) = (socket.as_raw_fd(), rest.len() as libc::c_uint);
            let flags = libc::MSG_DONTWAIT as _;
            // SAFETY: there are `number` headers. Each points to its own vector and to an address in `self`, and the
            // vector to an answer. The system only writes to the headers.
            let sent = unsafe { libc::sendmmsg(fd, rest.as_mut_ptr(), number, flags) };
            match usize::try_from(sent) {
                Ok(sent) if sent > 0 => {
                    done.extend(rest[..sent].iter().map(|sent| Ok(sent.msg_len as usize)));
                }
                // This only concerns the first one.
                _ => done.push(Err(io::Error::last_os_error())),
            }
        }
        done
    }
}

fn vector(bytes: &mut [u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() }
}

fn header(
    vector: *mut libc::iovec,
    address: *mut SockAddrStorage,
    length: libc::socklen_t,
) -> libc::mmsghdr {
    // SAFETY: zeros are valid for all its fields, and stand for nothing.
    let mut header: libc::mmsghdr = unsafe { zeroed() };
    header.msg_hdr.msg_name = address.cast();
    header.msg_hdr.msg_namelen = length;
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header
}

#[cfg(test)]
mod tests;
