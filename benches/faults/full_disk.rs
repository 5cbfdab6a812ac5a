//! A disk that is full for a while: the number of missing lines has to be the one that the daemon reports.

use crate::client::{Outcome, play};
use crate::daemon::Place;
use crate::kind::{Kind, Random};
use crate::lines;
use crate::tally::Tally;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How many clients connect before the disk is full, while it is, and after.
const CLIENTS: usize = 2000;

/// The size of the disk. All lines would fit, and the log is not rotated.
const SIZE: &str = "size=900k";

pub fn run(tally: &mut Tally) {
    if !geteuid().is_root() {
        return tally.note("a full disk: left out: only root can have a small disk".to_owned());
    }
    let place = Place::new();
    let disk = place.path("disk");
    fs::create_dir(&disk).unwrap();
    let mut command = place.command(&["--logfile", "disk/poetryd.log"]);
    on_a_small_disk(&mut command, disk.clone());
    let daemon = place.start(command);
    let inside = File::open(format!("/proc/{}/root{}", daemon.pid, disk.display())).unwrap();
    // The disk exists as long as it is open.
    let log = format!("/proc/self/fd/{}", inside.as_raw_fd());
    let mut cut = fetch(&place, 0);
    let ballast = Path::new(&log).join("ballast");
    fill(&ballast);
    cut += fetch(&place, CLIENTS);
    fs::remove_file(&ballast).unwrap();
    cut += fetch(&place, 2 * CLIENTS);
    let status = daemon.end(Signal::SIGTERM);
    let lines = lines::count(Path::new(&log), 3 * CLIENTS);
    let missing = lines.of_clients.iter().filter(|lines| **lines == 0).count();
    tally.sent("fetches around a full disk", 3 * CLIENTS);
    tally.sent("log lines that did not fit", missing);
    tally.lost("fetches cut because of a full disk", cut);
    tally.lost("difference to what the daemon reports", missing.abs_diff(lines.reported_lost));
    tally.lost("a full disk that was not full", usize::from(missing == 0));
    tally.lost("status of that daemon other than 0", usize::from(status != Some(0)));
}

/// Gives the program, and no other, a small disk in this directory.
fn on_a_small_disk(command: &mut Command, directory: PathBuf) {
    let set_up = move || {
        let (nothing, no_options) = (None::<&str>, None::<&str>);
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, no_options)?;
        mount(nothing, &directory, Some("tmpfs"), MsFlags::empty(), Some(SIZE))?;
        Ok(())
    };
    // SAFETY: between fork and exec this only makes system calls; short names are copied to the stack.
    unsafe { command.pre_exec(set_up) };
}

/// How many clients have not received the whole poem.
fn fetch(place: &Place, first: usize) -> usize {
    let outcomes = (first..first + CLIENTS)
        .map(|number| play(Kind::Fetch, number, &mut Random(0), &place.addresses));
    outcomes.filter(|outcome| *outcome != Outcome::Fine).count()
}

/// Writes until there is no space left.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}
