//! The log on standard output: in the journal's form where that is the journal; and a stream that takes
//! nothing more does not stop the daemon.

use crate::support::{Background, LIMIT, Sandbox, address_in, fast_toml, through, until};
use crate::trouble::SmallDisk;
use crate::{fetch_from, log_lines, peers, said_to_be_lost, without_time};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal;
use nix::sys::stat::fstat;
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write, pipe};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, Command, Stdio};

/// Starts a daemon in the foreground. The guard ends it if the test fails.
fn start(mut command: Command, stdout: impl Into<OwnedFd>) -> (Child, Background) {
    let child = command.stdout(stdout.into()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    (child, Background { pid })
}

/// Reads the log up to the line that says "ready".
fn read_until_ready(stdout: &mut impl BufRead) -> String {
    let mut log = String::new();
    while !log.ends_with("] ready\n") {
        assert_ne!(stdout.read_line(&mut log).unwrap(), 0, "the end of\n{log}");
    }
    log
}

/// Waits for a clean end, and returns what was said on standard error.
fn stop(mut child: Child, guard: &Background) -> String {
    guard.signal(Signal::SIGTERM);
    guard.wait();
    assert!(child.wait().unwrap().success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    said
}

/// The value of `$JOURNAL_STREAM` for a descriptor, as systemd.exec(5) defines it.
fn journal_stream(fd: &impl AsFd) -> String {
    let stat = fstat(fd).unwrap();
    format!("{}:{}", stat.st_dev, stat.st_ino)
}

/// The command where nobody listens for the journal's native protocol, except in the directory `run` of the sandbox.
fn with_own_run(sandbox: &Sandbox, command: &Command) -> Command {
    fs::create_dir_all(sandbox.path("run/systemd/journal")).unwrap();
    let run = sandbox.path("run");
    let script = format!("mount --bind '{}' /run && exec \"$0\" \"$@\"", run.display());
    through(&["unshare", "--mount", "sh", "-c", &script], command)
}

#[test]
#[ignore = "root"]
fn in_the_journal_a_line_is_an_entry_with_fields() {
    let sandbox = Sandbox::new();
    let (_ours, journal) = UnixStream::pair().unwrap();
    let mut command = with_own_run(&sandbox, &sandbox.poetryd(&["--nodaemon", "fast.toml"]));
    command.env("JOURNAL_STREAM", journal_stream(&journal));
    let journald = UnixDatagram::bind(sandbox.path("run/systemd/journal/socket")).unwrap();
    journald.set_read_timeout(Some(LIMIT)).unwrap();
    let (child, guard) = start(command, journal);
    let mut entries = String::new();
    let mut read_until = |text: &str| {
        while !entries.contains(text) {
            let mut entry = [0; 4096];
            let length = journald.recv(&mut entry).unwrap();
            entries.push_str(std::str::from_utf8(&entry[..length]).unwrap());
        }
        entries.clone()
    };
    let address = address_in(&read_until("[-] ready\n").replace("MESSAGE=", ""), "fast");
    fetch_from(address);
    let entries = read_until("\nPEER=");
    let head = "PRIORITY=6\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=poetryd\nPOETRYD_SERVICE=fast\n";
    let sending = format!("{head}MESSAGE=[fast] sending 3003 bytes of poetry to 127.0.0.1:");
    assert_eq!(entries.matches(&sending).count(), 1, "{entries}");
    assert_eq!(entries.matches("\nBYTES=3003\nPEER=127.0.0.1:").count(), 1, "{entries}");
    stop(child, &guard);
}

#[test]
#[ignore = "root"]
fn a_line_has_its_priority_and_no_time_if_the_journal_can_t_be_reached() {
    let sandbox = Sandbox::new();
    let (ours, journal) = UnixStream::pair().unwrap();
    let mut command = with_own_run(&sandbox, &sandbox.poetryd(&["--nodaemon", "fast.toml"]));
    command.env("JOURNAL_STREAM", journal_stream(&journal));
    let (child, guard) = start(command, journal);
    let mut stdout = BufReader::new(ours);
    let mut log = read_until_ready(&mut stdout);
    fetch_from(address_in(&log, "fast"));
    stop(child, &guard);
    stdout.read_to_string(&mut log).unwrap();
    assert!(log.contains("<6>[fast] sending 3003 bytes of poetry to "), "{log}");
    assert!(log.lines().all(|line| line.starts_with("<6>[")), "{log}");
}

#[test]
#[ignore = "root"]
fn in_the_journal_a_failure_has_the_priority_of_an_error() {
    let sandbox = Sandbox::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let application = fast_toml("").replace("port = 0", &format!("port = {port}"));
    sandbox.write("fast.toml", &application);
    let (ours, journal) = UnixStream::pair().unwrap();
    let mut command = with_own_run(&sandbox, &sandbox.poetryd(&["--nodaemon", "fast.toml"]));
    command.env("JOURNAL_STREAM", journal_stream(&journal));
    let (_child, _guard) = start(command, journal);
    let mut log = String::new();
    BufReader::new(ours).read_to_string(&mut log).unwrap();
    let mut errors = log.lines().filter(|line| line.starts_with("<3>["));
    assert!(errors.any(|line| line.contains(&port)), "{log}");
}

/// Everything that a service starts inherits the variable, whatever its standard output is.
#[test]
fn a_journal_that_is_not_standard_output_changes_nothing() {
    let sandbox = Sandbox::new();
    let (_ours, journal) = UnixStream::pair().unwrap();
    let (reader, writer) = pipe().unwrap();
    let mut command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
    command.env("JOURNAL_STREAM", journal_stream(&journal));
    let (child, guard) = start(command, writer);
    let mut stdout = BufReader::new(reader);
    let log = read_until_ready(&mut stdout);
    assert!(log.lines().all(|line| without_time(line).starts_with('[')), "{log}");
    stop(child, &guard);
}

#[test]
fn a_standard_output_that_nobody_reads_stops_neither_service_nor_daemon() {
    let sandbox = Sandbox::new();
    let (reader, writer) = pipe().unwrap();
    // One page: about fifty lines.
    fcntl(&reader, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let (child, guard) = start(sandbox.poetryd(&["--nodaemon", "fast.toml"]), writer);
    let mut stdout = BufReader::new(reader);
    let log = read_until_ready(&mut stdout);
    let address = address_in(&log, "fast");
    for _ in 0..500 {
        fetch_from(address);
    }
    let said = stop(child, &guard);
    assert!(said.contains("lines are lost"), "{said:?}");
    drop(stdout);
}

#[test]
fn a_standard_output_whose_reader_is_gone_stops_neither_service_nor_daemon() {
    let sandbox = Sandbox::new();
    let (reader, writer) = pipe().unwrap();
    let (child, guard) = start(sandbox.poetryd(&["--nodaemon", "fast.toml"]), writer);
    let mut stdout = BufReader::new(reader);
    let log = read_until_ready(&mut stdout);
    drop(stdout);
    let address = address_in(&log, "fast");
    for _ in 0..100 {
        fetch_from(address);
    }
    stop(child, &guard);
}

/// The next descriptor that is opened would otherwise get the number 1: a client's, and the log with it.
#[test]
fn a_closed_standard_output_is_taken_by_dev_null_and_by_nothing_else() {
    let sandbox = Sandbox::new();
    let command = sandbox.poetryd(&["--nodaemon", "fast.toml"]);
    let closed = ["sh", "-c", "exec \"$0\" \"$@\" >&-"];
    let (_reader, writer) = pipe().unwrap();
    let (child, guard) = start(through(&closed, &command), writer);
    until("the pid file", || {
        fs::read_to_string(sandbox.path("poetryd.pid")).is_ok_and(|pid| pid.ends_with('\n'))
    });
    let target = fs::read_link(format!("/proc/{}/fd/1", guard.pid)).unwrap();
    assert_eq!(target.to_str(), Some("/dev/null"));
    stop(child, &guard);
}

#[test]
#[ignore = "root"]
fn a_standard_output_on_a_full_disk_has_whole_lines_and_the_number_of_those_lost() {
    const FETCHES: usize = 600;
    let sandbox = Sandbox::new();
    let disk = SmallDisk::mount(&sandbox.path("log"));
    let log = File::create(sandbox.path("log/poetryd.log")).unwrap();
    let (child, guard) = start(sandbox.poetryd(&["--nodaemon", "fast.toml"]), log);
    until("ready", || sandbox.read("log/poetryd.log").contains("] ready\n"));
    let address = address_in(&sandbox.read("log/poetryd.log"), "fast");
    disk.fill();
    for _ in 0..FETCHES {
        fetch_from(address);
    }
    disk.make_room();
    stop(child, &guard);
    let lines = log_lines(&sandbox.path("log"));
    assert_eq!(peers(&lines).len() + said_to_be_lost(&lines), FETCHES, "{}", lines.join("\n"));
}

#[test]
fn a_full_standard_output_does_not_keep_a_start_from_being_stopped() {
    let sandbox = Sandbox::new();
    let (reader, mut writer) = pipe().unwrap();
    fcntl(&reader, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    writer.write_all(&[b'x'; 4096]).unwrap();
    let (child, guard) = start(sandbox.poetryd(&["--nodaemon", "fast.toml"]), writer);
    // A stop that comes before the first line is logged loses none.
    until("the log's own thread", || has_thread(guard.pid, "log"));
    let said = stop(child, &guard);
    assert!(said.contains("lines are lost"), "{said:?}");
}

fn has_thread(pid: Pid, name: &str) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let names = threads.map(|thread| fs::read_to_string(thread.path().join("comm")));
    names.flatten().any(|other| other.trim_end() == name)
}
