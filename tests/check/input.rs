//! Application files that are no ordinary files: standard input, FIFOs, devices.

use crate::support::{
    ECSTASY, Foreground, Sandbox, command, fast_toml, fetch, run, stderr, stdout, through,
};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs::File;
use std::os::unix::net::UnixListener;
use std::process::Command;

/// The program, as bash starts it with a redirection or a process substitution after its arguments.
fn in_bash(sandbox: &Sandbox, arguments: &[&str], rest: &str) -> Command {
    let script = format!("exec \"$0\" \"$@\" {rest}");
    through(&["bash", "-c", &script], &sandbox.poetryd(arguments))
}

#[test]
fn an_application_is_read_from_standard_input() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.poetryd(&["--nodaemon", "-"]);
    command.stdin(File::open(sandbox.path("fast.toml")).unwrap());
    let daemon = Foreground::start(command).ready();
    assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
    let log = daemon.stop();
    assert!(log[0].ends_with(": standard input"), "{}", log[0]);
}

#[test]
fn an_application_is_read_from_a_process_substitution() {
    let sandbox = Sandbox::new();
    let daemon = Foreground::start(in_bash(&sandbox, &["--nodaemon"], "<(cat fast.toml)")).ready();
    assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
    daemon.stop();
}

#[test]
fn a_daemon_is_started_from_standard_input_and_found_by_it() {
    let sandbox = Sandbox::new();
    let toml = fast_toml("[daemon]\npidfile = \"own.pid\"");
    sandbox.write("own.toml", &toml);
    for arguments in [&["-"][..], &["status", "-"], &["stop", "-"]] {
        let output = run(in_bash(&sandbox, arguments, "< <(cat own.toml)"));
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn what_standard_input_says_is_checked_like_any_file() {
    let sandbox = Sandbox::new();
    let output = run(in_bash(&sandbox, &["check", "-"], "<<< 'nmae = 1'"));
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
    let said = stderr(&output);
    assert!(said.starts_with("standard input:1:1: "), "{said}");
}

#[test]
fn a_fifo_is_read_to_its_end_though_it_is_written_slowly() {
    let sandbox = Sandbox::new();
    mkfifo(&sandbox.path("fifo.toml"), Mode::S_IRWXU).unwrap();
    let script =
        "{ for line in 1 2 3; do echo \"# $line\"; sleep 0.1; done; cat fast.toml; } > fifo.toml";
    let mut writer = command("bash");
    let mut writer = writer.args(["-c", script]).current_dir(sandbox.path("")).spawn().unwrap();
    let output = sandbox.run(&["check", "./fifo.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(writer.wait().unwrap().success());
}

#[test]
fn a_fifo_that_nobody_writes_to_holds_nobody_up() {
    let sandbox = Sandbox::new();
    mkfifo(&sandbox.path("fifo.toml"), Mode::S_IRWXU).unwrap();
    let output = sandbox.run(&["check", "fifo.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "poetryd: can't read the application file fifo.toml: nothing has arrived within 10 seconds\n";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn devices_and_sockets_are_no_application_files() {
    let sandbox = Sandbox::new();
    let _listener = UnixListener::bind(sandbox.path("socket.toml")).unwrap();
    for (file, what) in
        [("/dev/zero", "a device"), ("/dev/tty", "a device"), ("socket.toml", "a socket")]
    {
        let output = sandbox.run(&["check", file]);
        assert_eq!(output.status.code(), Some(2));
        let expected =
            format!("poetryd: can't read the application file {file}: it is {what}, not a file\n");
        assert_eq!(stderr(&output), expected);
    }
}

#[test]
fn a_file_without_end_is_refused() {
    let sandbox = Sandbox::new();
    let output = run(in_bash(&sandbox, &["check", "-"], "< /dev/zero"));
    assert_eq!(output.status.code(), Some(2));
    let expected =
        "poetryd: can't read the application file standard input: it is longer than 64 MiB\n";
    assert_eq!(stderr(&output), expected);
}
