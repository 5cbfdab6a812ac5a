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
