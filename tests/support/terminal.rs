//! A terminal, as a shell has one.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

/// A pseudo-terminal. Dropping it is closing the terminal's window.
pub struct Terminal {
    keyboard: File,
    screen: File,
}

impl Terminal {
    pub fn open() -> Self {
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        let mut name = [0; 64];
        // SAFETY: the descriptor that is returned is nobody else's; it is open where it is used; the name
        // is written into a buffer of the length that is said, with a zero at its end.
        let (keyboard, name) = unsafe {
            let fd = check(libc::posix_openpt(flags));
            check(libc::grantpt(fd));
            check(libc::unlockpt(fd));
            check(-libc::ptsname_r(fd, name.as_mut_ptr(), name.len()));
            (File::from_raw_fd(fd), CStr::from_ptr(name.as_ptr()).to_str().unwrap())
        };
        let screen = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY)
            .open(name)
            .unwrap();
        Self { keyboard, screen }
    }

    /// Makes a command the first process of a session on this terminal, as a login shell is.
    pub fn attach(&self, command: &mut Command) {
        let screen = || self.screen.try_clone().unwrap();
        command.stdin(screen()).stdout(screen()).stderr(screen());
        let fd = self.screen.as_raw_fd();
        let take_terminal = move || {
            nix::unistd::setsid()?;
            // SAFETY: the child has this descriptor until it executes the program.
            match unsafe { libc::ioctl(fd, libc::TIOCSCTTY, 0) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // SAFETY: between fork and exec only system calls are made.
        unsafe { command.pre_exec(take_terminal) };
    }

    pub fn press_ctrl_c(&mut self) {
        self.press(b"\x03");
    }

    pub fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    /// Makes the window larger or smaller.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the size is read from the address that is given.
        check(unsafe { libc::ioctl(self.keyboard.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) });
    }

    /// Starts to collect what programs write to the terminal.
    pub fn written(&self) -> Written {
        let (mut window, written) = (self.keyboard.try_clone().unwrap(), Written::default());
        let collected = written.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = window.read(&mut bytes) {
                collected.0.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        written
    }
}

/// What programs have written to a terminal so far.
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

fn check(result: libc::c_int) -> libc::c_int {
    assert!(result >= 0, "{}", io::Error::last_os_error());
    result
}
