//! Large content in memory of its own, and the way in which the kernel sends it without copying it.
//!
//! vmsplice(2) puts references to pages into a pipe, and splice(2) moves them from there into a socket. The kernel
//! refers to a page until the client has acknowledged what it contains, even if the memory has been unmapped by then. So
//! nobody may ever change it: it is anonymous memory, whose only mapping is read-only.

use crate::service::Workers;
use crate::sockets::{Descriptors, ReservedDescriptors};
use memmap2::{Advice, Mmap, MmapOptions};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice, vmsplice};
use nix::unistd::pipe2;
use socket2::Socket;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::sleep;

/// The size of a huge page, in bytes. Where the system has other ones, nothing is lost but speed.
const HUGE: usize = 2 << 20;

/// The capacity of a pipe, in bytes. Everybody may have so much: see /proc/sys/fs/pipe-max-size in proc(5).
const CAPACITY: usize = 1 << 20;

/// How much a pipe can take, wherever in a page it begins: a page of 4096 bytes takes a place even if only a part of it
/// is sent.
pub(super) const MOST_AT_ONCE: usize = CAPACITY - 4096;

/// A pipe that has not been used for so long is closed.
const UNUSED: Duration = Duration::from_secs(1);

/// Those of a pipe and of /dev/null.
const DESCRIPTORS: usize = 3;

/// The content of a file in huge pages, where the system has them: the kernel then sends few large pieces.
pub(super) struct Pages {
    memory: Mmap,
    start: usize,
    length: usize,
}

impl Pages {
    /// Reads the rest of `file`, at most `length` bytes.
    ///
    /// # Errors
    /// If the file can't be read, if there is more of it, or if there is no memory.
    pub(super) fn read(file: &mut File, length: usize) -> io::Result<Self> {
        let mut memory = MmapOptions::new().len(length.saturating_add(HUGE)).map_anon()?;
        let start = memory.as_ptr().align_offset(HUGE);
        // Not the last part, which would then take a whole one. An error means that there are none.
        let _ = memory.advise_range(Advice::HugePage, start, length - length % HUGE);
        let content = &mut memory[start..start + length];
        let mut read = 0;
        while read < length {
            match file.read(&mut content[read..])? {
                0 => break,
                more => read += more,
            }
        }
        if file.read(&mut [0])? > 0 {
            return Err(io::Error::other("the file has grown while it was read"));
        }
        Ok(Self { memory: memory.make_read_only()?, start, length: read })
    }
}

impl AsRef<[u8]> for Pages {
    fn as_ref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }
}

thread_local! {
    /// This thread's pipe, while it needs one. It is empty between two calls.
    static PIPE: RefCell<Option<Pipe>> = const { RefCell::new(None) };
    /// Whether it has been used since [`UnusedPipe`] last looked. `None`: nothing looks.
    static USED: Cell<Option<bool>> = const { Cell::new(None) };
}

/// The descriptors that the pipes of all workers may use.
#[derive(Default)]
struct PipeDescriptors(OnceLock<ReservedDescriptors>);

/// Keeps what the pipes of these workers may use from connections, once for all servers.
pub(super) fn reserve_descriptors(workers: &Workers, descriptors: &Descriptors) {
    let reserved = workers.shared::<PipeDescriptors>();
    reserved.0.get_or_init(|| descriptors.reserve(workers.len() * DESCRIPTORS));
}

/// Sends as much of `content`, which belongs to a [`Pages`], as the kernel accepts now. Returns how much that was and, if
/// it was not all, why: [`Unsupported`](io::ErrorKind::Unsupported) if the system does not allow it here, or if there are
/// too many open files. `more`: the last segment waits for what comes next.
pub(super) fn send_pages(stream: &Socket, content: &[u8], more: bool) -> (usize, io::Result<()>) {
    let mut flags = SpliceFFlags::SPLICE_F_NONBLOCK;
    flags.set(SpliceFFlags::SPLICE_F_MORE, more);
    PIPE.with_borrow_mut(|kept| {
        let Some(pipe) = kept.take().or_else(|| Pipe::new().ok()) else {
            return (0, Err(io::ErrorKind::Unsupported.into()));
        };
        UnusedPipe::note_use();
        let mut sent = 0;
        while sent < content.len() {
            let Ok(queued) = pipe.fill(&content[sent..]) else {
                *kept = Some(pipe);
                return (sent, Err(io::ErrorKind::Unsupported.into()));
            };
            let (passed, end) = pipe.empty_into(stream, queued, flags);
            sent += passed;
            if passed < queued {
                // If it can't be emptied, it is closed here, and the next call makes another one.
                *kept = pipe.discard(queued - passed).then_some(pipe);
                return (sent, end);
            }
        }
        *kept = Some(pipe);
        (sent, Ok(()))
    })
}

/// Closes this thread's pipe when it has not been used for a while.
struct UnusedPipe;

impl UnusedPipe {
    fn note_use() {
        if let Ok(runtime) = Handle::try_current()
            && USED.replace(Some(true)).is_none()
        {
            runtime.spawn(Self.close());
        }
    }

    async fn close(self) {
        loop {
            sleep(UNUSED).await;
            if USED.replace(Some(false)) != Some(true) {
                return;
            }
        }
    }
}

impl Drop for UnusedPipe {
    fn drop(&mut self) {
        // These fail while the thread is ending, which closes the pipe as well. It is in use if the runtime is shut down
        // meanwhile and refuses this task.
        let _ = USED.try_with(|used| used.set(None));
        let _ = PIPE.try_with(|pipe| pipe.try_borrow_mut().map(|mut pipe| pipe.take()));
    }
}

struct Pipe {
    into: OwnedFd,
    out: OwnedFd,
    /// /dev/null, to discard what a socket does not accept.
    null: Option<File>,
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (out, into) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        // If the user's pipes take too much already, it has 64 KiB or less, and more calls are made.
        let _ = fcntl(&into, FcntlArg::F_SETPIPE_SZ(CAPACITY as i32));
        let null = File::options().write(true).open("/dev/null").ok();
        Ok(Self { into, out, null })
    }

    /// Puts as much of `content` into the pipe as it can take.
    fn fill(&self, content: &[u8]) -> nix::Result<usize> {
        vmsplice(&self.into, &[IoSlice::new(content)], SpliceFFlags::SPLICE_F_NONBLOCK)
    }

    /// Passes on so many bytes, or as many as the socket accepts, and says how many and why no more.
    fn empty_into(
        &self,
        stream: &Socket,
        queued: usize,
        flags: SpliceFFlags,
    ) -> (usize, io::Result<()>) {
        let mut passed = 0;
        while passed < queued {
            match splice(&self.out, None, stream, None, queued - passed, flags) {
                Ok(0) => return (passed, Err(io::ErrorKind::WouldBlock.into())),
                Ok(more) => passed += more,
                Err(Errno::EINTR) => {}
                Err(Errno::EPERM | Errno::ENOSYS | Errno::EINVAL) => {
                    return (passed, Err(io::ErrorKind::Unsupported.into()));
                }
                Err(e) => return (passed, Err(e.into())),
            }
        }
        (passed, Ok(()))
    }

    /// Discards so many bytes, which are all that the pipe contains, and returns whether it is empty now.
    fn discard(&self, mut left: usize) -> bool {
        let Some(null) = &self.null else { return false };
        while left > 0 {
            match splice(&self.out, None, null, None, left, SpliceFFlags::SPLICE_F_NONBLOCK) {
                Ok(0) | Err(_) => return false,
                Ok(gone) => left -= gone,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
