//! A log that is no regular file is only written to: not moved, not emptied, not given away.

use crate::support::{Sandbox, address_in, until};
use crate::{fetch_from, logging_toml, peers};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};

#[test]
fn a_fifo_blocks_no_start_and_gets_every_line() {
    let sandbox = Sandbox::new();
    sandbox.write("fast.toml", &logging_toml("rotate-at = \"2kB\""));
    mkfifo(&sandbox.path("fifo"), Mode::S_IRWXU).unwrap();
    let daemon = sandbox.background(&["--logfile", "fifo", "fast.toml"]);
    let reader = BufReader::new(File::open(sandbox.path("fifo")).unwrap());
    let mut lines = reader.lines().map(Result::unwrap);
    let mut log: Vec<String> = lines.by_ref().take_while(|l| !l.contains("] ready")).collect();
    let address = address_in(&log.join("\n"), "fast");
    let mut fetched: Vec<u16> = (0..50).map(|_| fetch_from(address)).collect();
    daemon.signal(Signal::SIGUSR1);
    log.extend(lines.by_ref().take_while(|l| !l.contains("received SIGUSR1")));
    fetched.push(fetch_from(address));
    daemon.signal(Signal::SIGTERM);
    log.extend(lines);
    assert_eq!(peers(&log), fetched);
    assert!(fs::metadata(sandbox.path("fifo")).unwrap().file_type().is_fifo());
    assert!(!sandbox.path("fifo.1").exists(), "the FIFO was rotated");
    daemon.wait();
}

/// With a null device of its own: a mistake must not cost the machine its `/dev/null`.
#[test]
#[ignore = "root"]
fn a_null_device_stays_what_it_is_and_whose_it_is() {
    let sandbox = Sandbox::new();
    sandbox.give_to_unprivileged();
    let null = sandbox.path("null");
    mknod(&null, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(1, 3)).unwrap();
    let daemon = sandbox.background(&["--uid", "nobody", "--logfile", "null", "fast.toml"]);
    daemon.signal(Signal::SIGUSR1);
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    let metadata = fs::metadata(&null).unwrap();
    assert!(metadata.file_type().is_char_device());
    assert_eq!((metadata.uid(), metadata.rdev()), (0, makedev(1, 3)));
    assert!(!sandbox.path("null.1").exists(), "the device was rotated");
}

/// Fills a FIFO that nobody reads.
fn fill(fifo: &mut File) {
    while fifo.write(&[b'x'; 4096]).is_ok() {}
}

#[test]
fn a_full_fifo_holds_up_neither_start_nor_stop() {
    let sandbox = Sandbox::new();
    mkfifo(&sandbox.path("fifo"), Mode::S_IRWXU).unwrap();
    let mut options = File::options();
    options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
    let mut fifo = options.open(sandbox.path("fifo")).unwrap();
    fill(&mut fifo);
    let daemon = sandbox.background(&["--logfile", "fifo", "fast.toml"]);
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    assert!(!sandbox.path("poetryd.pid").exists(), "the daemon did not stop cleanly");
}

#[test]
fn a_fifo_that_is_read_later_has_the_lines_of_the_start() {
    let sandbox = Sandbox::new();
    mkfifo(&sandbox.path("fifo"), Mode::S_IRWXU).unwrap();
    let mut options = File::options();
    options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
    let mut fifo = options.open(sandbox.path("fifo")).unwrap();
    fill(&mut fifo);
    let _daemon = sandbox.background(&["--logfile", "fifo", "fast.toml"]);
    let mut text = String::new();
    until("ready", || {
        let mut buffer = [0; 4096];
        let length = fifo.read(&mut buffer).unwrap_or(0);
        text += &String::from_utf8_lossy(&buffer[..length]);
        text.contains("] ready\n")
    });
    assert!(
        text.contains(concat!("poetryd ", env!("CARGO_PKG_VERSION"), " starts with pid ")),
        "{}",
        text.trim_start_matches('x')
    );
}
