//! The lines that a client sends.

use super::Connection;
use std::future::Future;
use std::io;
use std::pin::Pin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How many bytes are read at a time.
const CHUNK: usize = 4096;

/// The lines that a client sends, for a protocol that answers each of them. Made by [`Connection::lines`].
///
/// They end when the client closes its side, and when the service stops: lines that have arrived by then are still
/// returned, so that a client that was in time gets its answer, and nothing more is read after them. Bytes that no
/// newline follows are not a line: where the end has cut one, nobody takes what is left of it for the whole.
///
/// ```
/// use poetryd::async_trait;
/// use poetryd::net::{Connection, Protocol};
///
/// struct Upper;
///
/// #[async_trait]
/// impl Protocol for Upper {
///     async fn converse(&self, connection: &mut Connection) -> std::io::Result<()> {
///         let mut lines = connection.lines(1000);
///         while let Some(line) = lines.next().await? {
///             lines.send(line.to_uppercase() + "\n").await?;
///         }
///         Ok(())
///     }
/// }
/// ```
pub struct Lines<'a> {
    connection: &'a mut Connection,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    longest: usize,
    /// What has been read, and not been returned yet.
    buffer: Vec<u8>,
    /// How many bytes at the beginning of `buffer` have no newline among them.
    searched: usize,
    /// Set when the service stops: how many bytes are still to be read.
    left: Option<usize>,
}

impl Connection {
    /// The lines that the client sends, in UTF-8, each with up to `longest` bytes.
    pub fn lines(&mut self, longest: usize) -> Lines<'_> {
        let stopping = Box::pin(self.stopping());
        Lines { connection: self, stopping, longest, buffer: Vec::new(), searched: 0, left: None }
    }
}

impl Lines<'_> {
    /// The next line, without its newline or CR LF. `None`: there are no more.
    ///
    /// Nothing is lost if the future is dropped before it is ready.
    ///
    /// # Errors
    /// If a line is too long or not in UTF-8 ([`InvalidData`](io::ErrorKind::InvalidData)), or the connection is
    /// broken. A protocol that returns the error resets the connection.
    pub async fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(line) = self.take_line()? {
                return Ok(Some(line));
            }
            if self.read().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Sends an answer as it is, so with its newline.
    ///
    /// # Errors
    /// Like any write to the [`Connection`].
    pub async fn send(&mut self, answer: impl AsRef<[u8]>) -> io::Result<()> {
        self.connection.write_all(answer.as_ref()).await
    }

    /// The first line in the buffer, if there is a whole one.
    fn take_line(&mut self) -> io::Result<Option<String>> {
        let newline = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
        let Some(end) = newline.map(|at| self.searched + at) else {
            self.searched = self.buffer.len();
            // The last byte may be the CR of a CR LF.
            return if self.searched > self.longest + 1 { Err(self.too_long()) } else { Ok(None) };
        };
        let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
        self.searched = 0;
        line.pop();
        line.pop_if(|last| *last == b'\r');
        if line.len() > self.longest {
            return Err(self.too_long());
        }
        let invalid = |_| io::Error::new(io::ErrorKind::InvalidData, "a line is not in UTF-8");
        String::from_utf8(line).map_err(invalid).map(Some)
    }

    fn too_long(&self) -> io::Error {
        let why = format!("a line is longer than {} bytes", self.longest);
        io::Error::new(io::ErrorKind::InvalidData, why)
    }

    /// Reads more into the buffer, and returns how many bytes. 0: that was the end.
    async fn read(&mut self) -> io::Result<usize> {
        self.buffer.reserve(CHUNK);
        let left = match self.left {
            Some(left) => left,
            None => tokio::select! {
                biased;
                () = &mut self.stopping => self.connection.unread(),
                read = self.connection.read_buf(&mut self.buffer) => return read,
            },
        };
        self.left = Some(left); // before the next await, so that `stopping` is not polled any more
        let mut rest = (&mut *self.connection).take(left as u64);
        let read = rest.read_buf(&mut self.buffer).await?;
        self.left = Some(left.saturating_sub(read));
        Ok(read)
    }
}
