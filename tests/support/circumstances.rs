//! What the tests do not leave to the shell and the machine that they are run from.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use std::ffi::OsStr;
use std::io;
use std::net::{Ipv6Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The soft limit of open descriptors that Linux gives to a login shell.
const DESCRIPTORS: u64 = 1024;

/// The variables of whoever runs the tests that would mean something to our programs.
const MISLEADING: [&str; 10] = [
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "FDSTORE",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "JOURNAL_STREAM",
    "POETRYD_PLUGIN_PATH",
    "XDG_CONFIG_HOME",
];

/// A program that is started as if from a login shell, whatever shell runs the tests: no signal is ignored
/// or blocked, the umask is 022, the soft limit of descriptors is 1,024 and that of core files 0, standard
/// input is empty. What a test then sets for the command, with `pre_exec` too, takes precedence.
///
/// Tests start all programs in this way.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    settle();
    #[expect(clippy::disallowed_methods, reason = "this is what the tests use instead")]
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    MISLEADING.iter().for_each(|name| _ = command.env_remove(name));
    // SAFETY: between fork and exec only system calls are made, none of which allocates or takes a lock.
    unsafe { command.pre_exec(become_as_from_a_login) };
    command
}

fn become_as_from_a_login() -> io::Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        // Fails for the few that nobody can ignore.
        // SAFETY: this process has no handlers that anybody would miss, since it is about to exec.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    SigSet::empty().thread_set_mask()?;
    umask(Mode::from_bits_truncate(0o022));
    for (resource, soft) in [(Resource::RLIMIT_NOFILE, DESCRIPTORS), (Resource::RLIMIT_CORE, 0)] {
        let (_, hard) = getrlimit(resource)?;
        setrlimit(resource, soft.min(hard), hard)?;
    }
    Ok(())
}

/// Gives this process, too, the umask 022, so that the users that daemons run as can read what a test
/// writes, and as many descriptors as it may have. Its signals stay as they are: whoever made it ignore a
/// hangup does not want a hangup to end the tests.
pub fn settle() {
    umask(Mode::from_bits_truncate(0o022));
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    }
}

/// Room for the many clients of a test, whose descriptors are those of this process.
pub struct Room {
    /// How many clients there is room for: as many as were asked for, or fewer on a machine that allows a
    /// process only few descriptors.
    pub clients: usize,
    _turn: MutexGuard<'static, ()>,
}

/// Waits until no other test of this process has many clients.
pub fn room_for(clients: usize) -> Room {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    settle();
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    // The other half is for the tests that run at the same time.
    let most = usize::try_from(limit / 2).unwrap_or(usize::MAX);
    Room { clients: clients.min(most), _turn: turn }
}

/// Whether this machine has IPv6. Says so if a test therefore leaves something out.
pub fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        println!("not tested: this machine has no IPv6");
    }
    has
}
