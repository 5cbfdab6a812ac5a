//! A reload that hangs, since a name server does not answer.

use crate::support::{Foreground, LIMIT, Sandbox, fast_toml, fetch, through};
use nix::sys::signal::Signal;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

/// Where the name server is that does not answer.
const NAME_SERVER: &str = "127.0.0.53";

/// The command on a machine where names are asked of that name server only, for longer than a test may take.
fn with_silent_name_server(sandbox: &Sandbox, command: &Command) -> Command {
    sandbox.write("nsswitch.conf", "hosts: dns\n");
    let settings = format!("nameserver {NAME_SERVER}\noptions timeout:30 attempts:5\n");
    sandbox.write("resolv.conf", &settings);
    let bind = |name: &str| format!("mount --bind {} /etc/{name}", sandbox.path(name).display());
    let script = ["nsswitch.conf", "resolv.conf"].map(bind).join(" && ");
    through(
        &["unshare", "--mount", "sh", "-c", &format!("{script} && exec \"$0\" \"$@\"")],
        command,
    )
}

#[test]
#[ignore = "root"]
fn it_delays_neither_clients_nor_a_stop() {
    let name_server = UdpSocket::bind((NAME_SERVER, 53)).unwrap();
    name_server.set_read_timeout(Some(LIMIT)).unwrap();
    let sandbox = Sandbox::new();
    let manager = UnixDatagram::bind(sandbox.path("notify")).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let mut command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
    command.env("NOTIFY_SOCKET", sandbox.path("notify"));
    let daemon = Foreground::start(with_silent_name_server(&sandbox, &command)).ready();
    let address = daemon.address("fast");
    sandbox.write("fast.toml", &fast_toml("").replace("127.0.0.1", "slow.test"));
    daemon.signal(Signal::SIGHUP);
    assert_ne!(name_server.recv(&mut [0; 512]).unwrap(), 0, "it asks, and waits from now on");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("received SIGHUP, reloading again after the reload in progress");
    assert!(fetch(address).is_ok());
    daemon.signal(Signal::SIGTERM);
    let (status, log) = daemon.wait();
    let log = log.join("\n");
    assert!(status.success() && log.contains("stopped cleanly"), "{status}\n{log}");
    assert!(log.contains("warning: the reload in progress is abandoned"), "{log}");
    for expected in ["READY=1\n", "RELOADING=1\n", "STOPPING=1\n"] {
        let mut message = [0; 4096];
        let length = manager.recv(&mut message).unwrap();
        let message = String::from_utf8_lossy(&message[..length]);
        assert!(message.starts_with(expected), "{message}");
    }
}
