//! A terminal on which a text is drawn again and again in place. This is on its alternate screen, so that afterwards
//! the terminal is as it was before.

use super::status::cut;
use crate::value::columns;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::fs::File;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Shows the alternate screen, and hides the cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// Undoes that.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// The size of a terminal that does not know its own.
const USUAL_SIZE: Size = Size { rows: 24, columns: 80 };

/// How long a terminal may take until it can be left. One that was stopped with Ctrl-S may take for ever.
const LEAVE_TIMEOUT_MS: u16 = 1000;

/// The signals that end this process.
const END: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGQUIT];

/// Whether the alternate screen is shown, for the signal handlers.
static IS_ENTERED: AtomicBool = AtomicBool::new(false);

/// The terminal that is standard output. Dropping it leaves the alternate screen.
pub(super) struct Screen {
    terminal: File,
    changes: SignalFd,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Size {
    rows: usize,
    columns: usize,
}

impl Screen {
    /// Prepares the terminal, whose screen is not changed before the first text.
    pub(super) fn of(terminal: File) -> io::Result<Self> {
        // It continues after Ctrl-Z and `fg`, or it is larger or smaller than before.
        let changes: SigSet = [Signal::SIGCONT, Signal::SIGWINCH].into_iter().collect();
        changes.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let changes = SignalFd::with_flags(&changes, flags)?;
        handle(Signal::SIGTSTP, suspend);
        Ok(Self { terminal, changes })
    }

    /// How many columns a line may have.
    pub(super) fn columns(&self) -> usize {
        size(&self.terminal).columns
    }

    /// Draws a text, of which each line fits, in place of the one before it.
    pub(super) fn draw(&self, text: &str) -> io::Result<()> {
        if !is_in_foreground(&self.terminal) {
            return Ok(()); // as after `bg`; SIGCONT tells when this is over
        }
        let frame = frame(text, size(&self.terminal));
        // Suspended in the middle, the rest would be written to the screen of the shell.
        let suspension: SigSet = [Signal::SIGTSTP].into_iter().collect();
        let mask = suspension.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let enter = if IS_ENTERED.swap(true, Ordering::AcqRel) { "" } else { ENTER };
        let drawn = (&self.terminal).write_all(format!("{enter}{frame}").as_bytes());
        mask.thread_set_mask()?;
        drawn
    }

    /// Becomes readable when the text has to be drawn anew.
    pub(super) fn changes(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }

    /// Forgets the changes that there have been.
    pub(super) fn acknowledge(&self) {
        while let Ok(Some(_)) = self.changes.read_signal() {}
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// From now on, Ctrl-C ends this process with status 0. Other signals end it as usual. A terminal is left first.
pub(super) fn let_end() {
    END.into_iter().for_each(|signal| handle(signal, end));
}

/// What has to be written to show a text in place of whatever was there: nothing is cleared before it is overwritten.
fn frame(text: &str, size: Size) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (count, fitting) = (lines.len(), size.rows.saturating_sub(1).max(1));
    if count > size.rows {
        lines.truncate(fitting);
        if size.rows > 1 {
            lines.push(cut(&format!("... and {} more", count - fitting), size.columns));
        }
    }
    for line in &mut lines {
        // At the end of a full line, this would clear the last character.
        if width(line) < size.columns {
            line.push_str(CLEAR_LINE);
        }
    }
    let below = if lines.len() < size.rows { format!("\r\n{CLEAR_BELOW}") } else { String::new() };
    format!("{HOME}{}{below}", lines.join("\r\n"))
}

/// How many columns a line takes that has colours.
fn width(line: &str) -> usize {
    let mut parts = line.split("\x1b[");
    let plain = parts.next().unwrap_or_default().chars().map(columns).sum::<usize>();
    let after_colours = parts.filter_map(|part| part.split_once('m'));
    plain + after_colours.map(|(_, text)| text.chars().map(columns).sum::<usize>()).sum::<usize>()
}

fn size(terminal: &impl AsRawFd) -> Size {
    let mut size = MaybeUninit::<libc::winsize>::zeroed();
    // SAFETY: TIOCGWINSZ writes this structure to the address that it is given.
    let done = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, size.as_mut_ptr()) };
    // SAFETY: the structure has numbers only, all of which are 0 where nothing was written.
    let size = unsafe { size.assume_init() };
    match (done, size.ws_row, size.ws_col) {
        (0, rows @ 1.., columns @ 1..) => Size { rows: rows.into(), columns: columns.into() },
        _ => USUAL_SIZE,
    }
}

/// Whether this process may write to the terminal: it has not been put into the background there.
fn is_in_foreground(terminal: &impl AsRawFd) -> bool {
    // SAFETY: these calls take and return numbers.
    let (group, own) = unsafe { (libc::tcgetpgrp(terminal.as_raw_fd()), libc::getpgrp()) };
    group == own || group < 0 // it is not the terminal that controls this process
}

/// Shows what was on the terminal before. Called by signal handlers, too.
fn leave() {
    if !IS_ENTERED.swap(false, Ordering::AcqRel) {
        return;
    }
    // SAFETY: standard output stays open.
    let terminal = unsafe { BorrowedFd::borrow_raw(libc::STDOUT_FILENO) };
    let mut fds = [PollFd::new(terminal, PollFlags::POLLOUT)];
    if matches!(poll(&mut fds, PollTimeout::from(LEAVE_TIMEOUT_MS)), Ok(1)) {
        let _ = nix::unistd::write(terminal, LEAVE.as_bytes());
    }
}

fn handle(signal: Signal, handler: extern "C" fn(libc::c_int)) {
    let flags = SaFlags::SA_NODEFER | SaFlags::SA_RESTART;
    let action = SigAction::new(SigHandler::Handler(handler), flags, SigSet::empty());
    // SAFETY: the handlers below call only what signal-safety(7) allows: poll, write, sigaction, signal, raise and
    // _exit.
    let _ = unsafe { sigaction(signal, &action) };
}

/// Ends the process.
extern "C" fn end(signal: libc::c_int) {
    leave();
    // SAFETY: these calls take numbers.
    unsafe {
        if signal == libc::SIGINT {
            libc::_exit(0);
        }
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
        libc::_exit(128 + signal); // only process 1 gets here
    }
}

/// Stops the process until SIGCONT, as Ctrl-Z does.
extern "C" fn suspend(signal: libc::c_int) {
    let error = nix::errno::Errno::last(); // of the code that was interrupted
    leave();
    // SAFETY: these calls take numbers.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
    handle(Signal::SIGTSTP, suspend);
    error.set();
}

#[cfg(test)]
mod tests;
