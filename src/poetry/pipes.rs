//! The pipes through which bytes pass from socket to socket without being copied, which fast connections share.

use crate::service::Context;
use crate::sockets::{Descriptors, Sockets, TakenDescriptors};
use crate::sync::Mutex;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::unistd::pipe2;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::sleep;

/// So much fits into a pipe.
const CAPACITY: i32 = 256 * 1024;

/// At most this many pipes exist at the same time: 4 MiB.
const MOST: usize = 16;

/// Pipes of which none has been used for so long are closed.
const UNUSED: Duration = Duration::from_secs(1);

/// The pipes of a process with these descriptors.
pub(super) struct Pipes {
    pool: Arc<Pool>,
    descriptors: Descriptors,
}

#[derive(Default)]
struct Pool(Mutex<State>);

#[derive(Default)]
struct State {
    lent: usize,
    spare: Vec<Ends>,
    /// Whether one has come back since [`UnusedPipes`] last looked. `None`: nothing looks.
    used: Option<bool>,
    /// Set when the system has refused to splice.
    refused: bool,
}

struct Ends {
    out: OwnedFd,
    into: OwnedFd,
    _descriptors: TakenDescriptors,
}

/// A pipe that goes back when it is dropped. If something is left in it, it is closed.
pub(super) struct Pipe {
    ends: Option<Ends>,
    of: Arc<Pool>,
    length: usize,
}

/// Closes the spare pipes when they are not used any more, or when this is dropped.
struct UnusedPipes(Arc<Pool>);

impl Pipes {
    /// Those that all services of the process share.
    pub(super) fn of(cx: &Context) -> Self {
        let sockets = cx.resource::<Sockets>();
        let descriptors = sockets.map(|all| all.descriptors().clone()).unwrap_or_default();
        Self { pool: cx.workers().shared(), descriptors }
    }

    /// An empty pipe, unless too many are in use or the system refuses one.
    pub(super) fn lend(&self) -> Option<Pipe> {
        let mut pool = self.pool.0.lock();
        if pool.refused || pool.lent == MOST {
            return None;
        }
        let ends = pool.spare.pop().or_else(|| Ends::open(&self.descriptors))?;
        pool.lent += 1;
        Some(Pipe { ends: Some(ends), of: self.pool.clone(), length: 0 })
    }

    /// A pool of its own.
    #[cfg(test)]
    pub(super) fn new(descriptors: &Descriptors) -> Self {
        Self { pool: Arc::default(), descriptors: descriptors.clone() }
    }

    /// How many are in use, and how many are kept.
    #[cfg(test)]
    pub(super) fn open(&self) -> (usize, usize) {
        let pool = self.pool.0.lock();
        (pool.lent, pool.spare.len())
    }
}

impl Pool {
    fn give_back(self: &Arc<Self>, ends: Option<Ends>) {
        let mut pool = self.0.lock();
        pool.lent -= 1;
        let (Some(ends), Ok(runtime)) = (ends, Handle::try_current()) else { return };
        pool.spare.push(ends);
        if pool.used.replace(true).is_none() {
            drop(pool);
            runtime.spawn(UnusedPipes(self.clone()).close());
        }
    }
}

impl UnusedPipes {
    async fn close(self) {
        loop {
            sleep(UNUSED).await;
            if self.0.0.lock().used.replace(false) != Some(true) {
                return;
            }
        }
    }
}

impl Drop for UnusedPipes {
    fn drop(&mut self) {
        let mut pool = self.0.0.lock();
        pool.used = None;
        pool.spare.clear();
    }
}

impl Ends {
    /// Not if connections need the descriptors.
    fn open(descriptors: &Descriptors) -> Option<Self> {
        let taken = descriptors.try_take(2)?;
        let (out, into) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).ok()?;
        // If the user's pipes take too much already, it has 64 KiB or less.
        let _ = fcntl(&into, FcntlArg::F_SETPIPE_SZ(CAPACITY));
        Some(Self { out, into, _descriptors: taken })
    }
}

impl Pipe {
    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Moves what a socket has received into the pipe, which must be empty: otherwise it could not be told whether
    /// it is the pipe that has no room or the socket that has nothing. `None`: the system refuses that.
    pub(super) fn fill(&mut self, from: impl AsFd) -> io::Result<Option<usize>> {
        let Some(ends) = &self.ends else { return Ok(None) };
        match move_between(from, &ends.into, CAPACITY as usize) {
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => {
                self.of.0.lock().refused = true;
                Ok(None)
            }
            moved => {
                self.length = moved?;
                Ok(Some(self.length))
            }
        }
    }

    /// Moves what is in the pipe to a socket.
    pub(super) fn drain(&mut self, to: impl AsFd) -> io::Result<usize> {
        let Some(ends) = &self.ends else { return Ok(0) };
        let moved = move_between(&ends.out, to, self.length)?;
        self.length -= moved;
        Ok(moved)
    }
}

fn move_between(from: impl AsFd, to: impl AsFd, length: usize) -> nix::Result<usize> {
    let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
    loop {
        match splice(&from, None, &to, None, length, flags) {
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let ends = self.ends.take().filter(|_| self.length == 0);
        self.of.give_back(ends);
    }
}

#[cfg(test)]
mod tests;
