//! A bare `poetryd`, without any file.

use crate::support::{Background, ECSTASY, Sandbox, fetch, run, stderr, stdout};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::thread;

#[test]
#[ignore = "root"] // for a network of its own: the port is fixed
fn in_an_empty_directory_it_serves_the_built_in_poem() {
    in_a_network_of_its_own(|| {
        let sandbox = Sandbox::new();
        let empty = sandbox.path("empty");
        fs::create_dir(&empty).unwrap();
        let mut command = sandbox.poetryd(&[]);
        command.current_dir(&empty);
        let output = run(command);
        assert!(output.status.success(), "{}", stderr(&output));

        let daemon = Background::of(&empty.join("poetryd.pid"));
        assert_eq!(fetch("127.0.0.1:10000".parse().unwrap()).unwrap(), ECSTASY);
        daemon.signal(Signal::SIGTERM);
        daemon.wait();
        let log = sandbox.read("empty/poetryd.log");
        assert!(log.contains("the built-in application"), "{log}");
        assert_eq!(fs::read_dir(&empty).unwrap().count(), 1, "more is left than the log");
    });
}

#[test]
#[ignore = "root"] // for a network of its own: the port is fixed
fn the_application_that_comes_with_it_runs_as_it_is() {
    in_a_network_of_its_own(|| {
        let sandbox = Sandbox::new();
        fs::create_dir(sandbox.path("config")).unwrap();
        sandbox.write("config/fast.toml", include_str!("../../config/fast.toml"));
        let _daemon = sandbox.background(&["config/fast.toml"]);
        assert_eq!(fetch("127.0.0.1:10000".parse().unwrap()).unwrap(), ECSTASY);
    });
}

#[test]
fn check_says_that_it_would_run_the_built_in_application_and_touches_nothing() {
    let sandbox = Sandbox::new();
    let empty = sandbox.path("empty");
    fs::create_dir(&empty).unwrap();
    let mut command = sandbox.poetryd(&["check"]);
    command.current_dir(&empty);
    let output = run(command);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    for part in ["the built-in application", "built-in poem (3003 bytes)", "127.0.0.1:10000"] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
}

/// Runs a test on a thread whose network, and that of its children, has a loopback interface alone.
fn in_a_network_of_its_own(test: fn()) {
    let in_network = move || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        bring_loopback_up();
        test();
    };
    if let Err(panic) = thread::spawn(in_network).join() {
        std::panic::resume_unwind(panic);
    }
}

fn bring_loopback_up() {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // SAFETY: all zeros are a valid ifreq; see netdevice(7).
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[..2].copy_from_slice(&[b'l' as libc::c_char, b'o' as libc::c_char]);
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the descriptor is open, and the request is what this ioctl reads.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}
