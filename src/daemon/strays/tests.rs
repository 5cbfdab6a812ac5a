use super::*;
use std::fs::File;
use std::os::fd::{AsRawFd, IntoRawFd};

fn stray() -> RawFd {
    let number = File::open("/dev/null").unwrap().into_raw_fd();
    // SAFETY: it is open, and nobody owns it.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    number
}

fn only(number: RawFd) -> Strays {
    Strays(BTreeMap::from([(number, file_of(number))]))
}

#[test]
fn what_this_program_has_opened_is_none_of_them() {
    let file = File::open("/dev/null").unwrap();
    let number = stray();
    let listed = Strays::list();
    assert!(listed.0.contains_key(&number) && !listed.0.contains_key(&file.as_raw_fd()));
    drop(only(number).take(number));
}

#[test]
fn what_is_taken_has_an_owner_and_is_taken_once() {
    let number = stray();
    let mut strays = only(number);
    let fd = strays.take(number).unwrap();
    assert_eq!(fd.as_raw_fd(), number);
    assert!(strays.take(number).is_none());
    strays.close();
    assert!(flags(number).is_some_and(|flags| flags & libc::FD_CLOEXEC != 0));
}

#[test]
fn what_nobody_has_taken_is_closed() {
    let number = stray();
    let id = file_of(number);
    only(number).close();
    // Another test may have opened something under this number by now, which is close-on-exec then.
    assert!(!is_from_outside(number), "{id:?}");
}
