//! What is read again: the same as at the start, wherever the daemon is now.

use crate::support::{Background, Foreground, Sandbox, command, fast_toml, run, stderr, through};
use crate::{FAILED, failed_reload, wait_for};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs::{self, File};

/// Starts a daemon in the foreground, makes it reload, and returns why that failed.
fn refused(command: std::process::Command, meanwhile: impl FnOnce()) -> String {
    let daemon = Foreground::start(command).ready();
    meanwhile();
    daemon.signal(Signal::SIGHUP);
    let line = daemon.wait_for(FAILED);
    daemon.stop();
    line.split_once(FAILED).unwrap().1.to_owned()
}

#[test]
fn the_file_is_found_again_from_the_rundir() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("run")).unwrap();
    fs::rename(sandbox.path("poetry"), sandbox.path("run/poetry")).unwrap();
    let output = run(sandbox.poetryd(&["--rundir", "run", "fast.toml"]));
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("run/poetryd.pid"));
    sandbox.write("fast.toml", &fast_toml("port = false"));
    sandbox.write("run/fast.toml", "this is another file");
    let why = failed_reload(&sandbox, &daemon, "run/poetryd.log");
    assert!(why.starts_with(&format!("{}:", sandbox.path("fast.toml").display())), "{why}");
    // The other lines of the diagnostics follow.
    wait_for(&sandbox, "run/poetryd.log", "^^^^");
    assert!(daemon.is_running());
}

#[test]
fn a_file_that_is_gone_is_named_with_its_whole_path() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("fast.toml");
    let why = refused(sandbox.poetryd(&["--nodaemon", "fast.toml"]), || {
        fs::remove_file(&file).unwrap();
    });
    assert!(why.contains(&file.display().to_string()) && why.contains("No such file"), "{why}");
}

#[test]
fn standard_input_can_not_be_read_twice() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.poetryd(&["--nodaemon", "-"]);
    command.stdin(File::open(sandbox.path("fast.toml")).unwrap());
    let why = refused(command, || ());
    assert!(why.starts_with("can't read standard input again: it can be read only once"), "{why}");
}

#[test]
fn a_fifo_can_not_be_read_twice_and_is_not_waited_for() {
    let sandbox = Sandbox::new();
    mkfifo(&sandbox.path("fifo.toml"), Mode::S_IRWXU).unwrap();
    let (text, fifo) = (fast_toml(""), sandbox.path("fifo.toml"));
    let writing = std::thread::spawn(move || fs::write(fifo, text).unwrap());
    let why = refused(sandbox.poetryd(&["--nodaemon", "fifo.toml"]), || writing.join().unwrap());
    assert!(why.starts_with("can't read fifo.toml again: it is a FIFO"), "{why}");
}

/// What a shell makes of `<(...)`.
#[test]
fn a_descriptor_of_the_shell_can_not_be_read_twice() {
    let sandbox = Sandbox::new();
    let script = "cat fast.toml | exec \"$0\" --nodaemon /dev/fd/0";
    let shell = through(&["sh", "-c", script], &sandbox.poetryd(&[]));
    let mut shell_in_group = command(shell.get_program());
    shell_in_group.args(shell.get_args()).current_dir(sandbox.path(""));
    shell_in_group.env("HOME", sandbox.path(""));
    let daemon = Foreground::start(shell_in_group).ready();
    let pid = sandbox.read("poetryd.pid").trim().parse().unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, Signal::SIGHUP).unwrap();
    let line = daemon.wait_for(FAILED);
    assert!(line.contains("can't read /dev/fd/0 again: it was a descriptor"), "{line}");
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    daemon.wait();
}

#[test]
#[ignore = "root"]
fn a_user_that_may_not_read_the_file_is_told_so() {
    let sandbox = Sandbox::new();
    fs::set_permissions(
        sandbox.path("fast.toml"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let daemon = sandbox.background(&["--uid", "65534", "fast.toml"]);
    let why = failed_reload(&sandbox, &daemon, "poetryd.log");
    assert!(why.contains("the daemon is the user with id 65534 now"), "{why}");
    assert!(why.contains("let this user read it, or restart the daemon"), "{why}");
}

#[test]
#[ignore = "root"]
fn a_file_outside_the_new_root_is_said_to_be_there() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("jail")).unwrap();
    fs::rename(sandbox.path("poetry"), sandbox.path("jail/poetry")).unwrap();
    let output = sandbox.run(&["--chroot", "jail", "fast.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Background::of(&sandbox.path("jail/poetryd.pid"));
    let why = failed_reload(&sandbox, &daemon, "jail/poetryd.log");
    let expected = "can't read fast.toml again: it is outside the root directory of the daemon";
    assert!(why.starts_with(expected), "{why}");
}

/// A reload takes what a new start would take.
#[test]
fn a_default_file_that_appears_is_taken_instead_of_the_built_in_application() {
    let sandbox = Sandbox::new();
    let _own_network = crate::support::network::own_network();
    let command = sandbox.poetryd(&["--nodaemon"]);
    let file = sandbox.path("poetryd.toml");
    let why = refused(command, || fs::write(&file, "nonsense").unwrap());
    assert!(why.starts_with(&format!("{}:1:", file.display())), "{why}");
}

#[test]
fn a_file_in_place_of_the_built_in_application_is_said_to_be_one() {
    let sandbox = Sandbox::new();
    let _own_network = crate::support::network::own_network();
    let daemon = Foreground::start(sandbox.poetryd(&["--nodaemon"])).ready();
    sandbox.write("poetryd.toml", &fast_toml(""));
    daemon.signal(Signal::SIGHUP);
    let line = daemon.wait_for("the application comes from another place now");
    assert!(line.contains("poetryd.toml; before: the built-in application"), "{line}");
    daemon.wait_for("reloaded poetryd.toml: ");
    fs::remove_file(sandbox.path("poetryd.toml")).unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("reloaded the built-in application, since there is no poetryd.toml here: ");
    daemon.stop();
}

/// Names on the command line of a plugin are relative to where it was typed, not to the rundir.
#[test]
fn a_plugin_finds_its_files_again_from_the_rundir() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("run")).unwrap();
    let options = ["fastpoetry", "--poem", "poetry/ecstasy.txt", "--iface", "127.0.0.1"];
    let command = [&["--nodaemon", "--rundir", "run"], &options[..], &["--port", "0"]].concat();
    let daemon = Foreground::start(sandbox.poetryd(&command)).ready();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("reloaded plugin fastpoetry: 2 kept, 0 updated, 0 replaced, 0 added");
    daemon.stop();
}

#[test]
fn the_manifest_of_a_plugin_is_read_again() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("config/plugins")).unwrap();
    let services = fast_toml("").split_once("\n\n").unwrap().1.to_owned();
    let manifest = format!("name = \"night\"\ndescription = \"Poems\"\n\n{services}");
    sandbox.write("config/plugins/night.toml", &manifest);
    let broken = manifest.replace("port = 0", "port = \"none\"");
    let why = refused(sandbox.poetryd(&["--nodaemon", "night"]), || {
        sandbox.write("config/plugins/night.toml", &broken);
    });
    assert!(why.contains("config/plugins/night.toml:") && why.contains("port"), "{why}");
}
