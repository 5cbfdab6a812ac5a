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
mod tests {
    use super::*;
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};

    #[test]
    fn other_threads_are_noticed_with_and_without_proc() {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || stopped.recv());
        assert!(!is_single_threaded());
        assert!(has_other_threads());
        drop(stop);
        assert!(other.join().unwrap().is_err());
    }

    #[test]
    fn a_forked_child_has_one_thread() {
        // SAFETY: the child calls nothing but one system call and _exit.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                let status = i32::from(has_other_threads());
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(status) }
            }
            ForkResult::Parent { child } => {
                assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
            }
        }
    }
}
