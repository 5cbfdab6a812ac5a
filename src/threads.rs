//! Whether this process has only one thread. If so, nothing else can happen between two of its calls, it may
//! fork, and it may change what all threads share.

/// Whether the calling thread is the only one.
///
/// If neither /proc nor the kernel tells, this returns true.
pub(crate) fn is_single_threaded() -> bool {
    match std::fs::read_dir("/proc/self/task") {
        Ok(threads) => threads.count() == 1,
        Err(_) => !has_other_threads(),
    }
}

/// Asks the kernel to remove this thread from its thread group. The kernel refuses that if there are other
/// threads (EINVAL), and it has no effect if there are none; see CLONE_THREAD in unshare(2).
fn has_other_threads() -> bool {
    // SAFETY: the call takes a number, and changes nothing.
    let refused = unsafe { libc::unshare(libc::CLONE_THREAD) } != 0;
    refused && std::io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL)
}

#[cfg(test)]
mod tests;
