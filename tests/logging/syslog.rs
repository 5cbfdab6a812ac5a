//! `--syslog`: one datagram per line to `/dev/log`, in the form of syslog(3).

use crate::support::{Background, LIMIT, NOBODY, Sandbox, address_in, run, stderr, through, until};
use crate::trouble::SmallDisk;
use crate::{fetch_from, said_to_be_lost};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output};

/// The command with a `/dev` of its own, which is the directory `dev` of the sandbox and has nothing in it
/// but `null` and, if somebody listens, `log`.
fn with_own_dev(sandbox: &Sandbox, command: &Command) -> Command {
    let script = format!(
        "cd '{}' && mkdir -p dev && touch dev/null && mount --bind /dev/null dev/null && \
         mount --rbind dev /dev && exec \"$0\" \"$@\"",
        sandbox.path("").display()
    );
    through(&["unshare", "--mount", "sh", "-c", &script], command)
}

/// What syslogd listens on.
fn syslogd(sandbox: &Sandbox) -> UnixDatagram {
    fs::create_dir_all(sandbox.path("dev")).unwrap();
    let socket = UnixDatagram::bind(sandbox.path("dev/log")).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

/// The packets up to one with `text` in it, which is the last.
fn packets_until(syslog: &UnixDatagram, text: &str) -> Vec<String> {
    let mut packets: Vec<String> = Vec::new();
    while !packets.last().is_some_and(|last| last.contains(text)) {
        let mut buffer = [0; 1024];
        let length = syslog.recv(&mut buffer).unwrap_or_else(|e| {
            panic!("no packet with {text:?}: {e}\n{}", packets.join("\n"));
        });
        packets.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    packets
}

/// The packet without its head, which must be that of a daemon's info (30) from `name` and `pid`.
fn without_head<'a>(packet: &'a str, name: &str, pid: Pid) -> &'a str {
    let months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ";
    let shape = "<30>mmm Dd dd:dd:dd ";
    let (head, rest) = packet.split_at_checked(shape.len()).unwrap_or((packet, ""));
    let alike = |(c, pattern): (char, char)| match pattern {
        'm' => c.is_alphabetic(),
        'd' => c.is_ascii_digit(),
        'D' => c == ' ' || ('1'..='3').contains(&c), // the first of a month is " 1"
        other => c == other,
    };
    let whole = head.len() == shape.len() && head.chars().zip(shape.chars()).all(alike);
    assert!(whole && months.contains(&head[4..8]), "{packet:?}");
    let tag = format!("{name}[{pid}]: ");
    rest.strip_prefix(&tag).unwrap_or_else(|| panic!("no {tag:?} in {packet:?}"))
}

/// Starts a daemon while this thread reads its log, and returns its lines up to "ready".
fn start(sandbox: &Sandbox, syslog: &UnixDatagram, args: &[&str]) -> (Output, Vec<String>) {
    let command = with_own_dev(sandbox, &sandbox.poetryd(args));
    std::thread::scope(|scope| {
        // Few packets fit the socket: a syslogd that does not read would hold up the start.
        let daemon = scope.spawn(|| run(command));
        let packets = packets_until(syslog, "] ready");
        (daemon.join().unwrap(), packets)
    })
}

#[test]
#[ignore = "root"]
fn a_packet_is_priority_time_name_pid_and_the_line() {
    let sandbox = Sandbox::new();
    let syslog = syslogd(&sandbox);
    let (output, packets) =
        start(&sandbox, &syslog, &["--syslog", "--prefix", "muse", "fast.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    let port = fetch_from(address_in(&packets.join("\n"), "fast"));
    let sending = packets_until(&syslog, "sending").pop().unwrap();
    let expected = format!("[fast] sending 3003 bytes of poetry to 127.0.0.1:{port}");
    assert_eq!(without_head(&sending, "muse", daemon.pid), expected);
    for packet in &packets {
        assert!(without_head(packet, "muse", daemon.pid).starts_with('['), "{packet:?}");
    }
    daemon.signal(Signal::SIGTERM);
    packets_until(&syslog, "stopped cleanly");
    daemon.wait();
    assert!(!sandbox.path("poetryd.log").exists(), "a log file beside syslog");
}

#[test]
#[ignore = "root"]
fn without_a_prefix_the_name_is_that_of_the_program() {
    let sandbox = Sandbox::new();
    let syslog = syslogd(&sandbox);
    let (output, packets) = start(&sandbox, &syslog, &["--syslog", "fast.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    without_head(&packets[0], "poetryd", daemon.pid);
}

#[test]
#[ignore = "root"]
fn syslog_is_reached_from_another_root_and_as_another_user() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("jail")).unwrap();
    fs::rename(sandbox.path("poetry"), sandbox.path("jail/poetry")).unwrap();
    let syslog = syslogd(&sandbox);
    let uid = NOBODY.to_string();
    let args = ["--chroot", "jail", "--uid", &uid, "--syslog", "fast.toml"];
    let (output, packets) = start(&sandbox, &syslog, &args);
    assert!(output.status.success(), "{}", stderr(&output));
    let _daemon = Background::of(&sandbox.path("jail/poetryd.pid"));
    fetch_from(address_in(&packets.join("\n"), "fast"));
    packets_until(&syslog, "sending");
}

#[test]
#[ignore = "root"]
fn a_machine_without_syslog_is_a_failed_start() {
    let sandbox = Sandbox::new();
    let before = sandbox.files();
    let output = run(with_own_dev(&sandbox, &sandbox.poetryd(&["--syslog", "fast.toml"])));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/dev/log"), "{}", stderr(&output));
    fs::remove_dir_all(sandbox.path("dev")).unwrap();
    assert_eq!(sandbox.files(), before);
}

#[test]
#[ignore = "root"]
fn without_syslogd_it_serves_and_a_new_one_is_told_how_many_lines_were_lost() {
    const FETCHES: usize = 100;
    let sandbox = Sandbox::new();
    let syslog = syslogd(&sandbox);
    let (output, packets) = start(&sandbox, &syslog, &["--syslog", "fast.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    let address = address_in(&packets.join("\n"), "fast");
    drop(syslog);
    fs::remove_file(sandbox.path("dev/log")).unwrap();
    for _ in 0..FETCHES {
        fetch_from(address);
    }
    let syslog = syslogd(&sandbox);
    daemon.signal(Signal::SIGTERM);
    let packets = packets_until(&syslog, "stopped cleanly");
    let sent = packets.iter().filter(|packet| packet.contains("sending")).count();
    assert_eq!(sent + said_to_be_lost(&packets), FETCHES, "{}", packets.join("\n"));
    daemon.wait();
}

#[test]
#[ignore = "root"]
fn how_many_lines_a_full_disk_costs_at_a_stop_is_said_in_syslog() {
    let sandbox = Sandbox::new();
    let syslog = syslogd(&sandbox);
    let disk = SmallDisk::mount(&sandbox.path("log"));
    let arguments = ["--logfile", "log/poetryd.log", "--prefix", "muse", "fast.toml"];
    let output = run(with_own_dev(&sandbox, &sandbox.poetryd(&arguments)));
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("poetryd.pid"));
    until("ready", || sandbox.read("log/poetryd.log").contains("] ready\n"));
    disk.fill_with_log(address_in(&sandbox.read("log/poetryd.log"), "fast"));
    daemon.signal(Signal::SIGTERM);
    let packets = packets_until(&syslog, "log lines are lost");
    let [packet] = &packets[..] else { panic!("{packets:?}") };
    assert!(packet.starts_with("<27>") && packet.contains(" muse["), "{packet:?}");
    daemon.wait();
}

#[test]
#[ignore = "root"]
fn the_facility_is_the_one_that_was_asked_for() {
    let sandbox = Sandbox::new();
    let syslog = syslogd(&sandbox);
    let (output, packets) =
        start(&sandbox, &syslog, &["--syslog", "--facility", "local3", "fast.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let _daemon = Background::of(&sandbox.path("poetryd.pid"));
    assert!(packets.iter().all(|packet| packet.starts_with("<158>")), "{packets:?}");
}
