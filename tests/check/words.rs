//! The words of a command line: files that are none, and words in the wrong place.

use crate::support::{Sandbox, run, stderr, stdout};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

/// Runs a command line that is wrong; returns what the user sees.
fn refused(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let before = sandbox.files();
    let output = sandbox.run(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
    assert_eq!(stdout(&output), "");
    assert_eq!(sandbox.files(), before, "something was left behind");
    stderr(&output)
}

#[test]
fn a_file_that_does_not_exist_is_named() {
    let sandbox = Sandbox::new();
    for arguments in [&["check", "./nowhere.toml"][..], &["./nowhere.toml"]] {
        let said = refused(&sandbox, arguments);
        let file = fs::canonicalize(sandbox.path("")).unwrap().join("nowhere.toml");
        let expected = format!(
            "poetryd: can't read the application file {}: No such file or directory (os error 2)\n",
            file.display()
        );
        assert_eq!(said, expected);
    }
    let said = refused(&sandbox, &["nowhere.toml"]);
    assert_eq!(said, "poetryd: \"nowhere.toml\" is neither a plugin nor an application file\n");
}

#[test]
fn a_word_that_is_nearly_a_command_is_taken_for_it() {
    let sandbox = Sandbox::new();
    for (typed, meant) in [("chekc", "check"), ("staus", "status"), ("stopp", "stop")] {
        let expected = format!(
            "poetryd: {typed:?} is neither a plugin nor an application file; did you mean {meant:?}?\n"
        );
        assert_eq!(refused(&sandbox, &[typed]), expected);
    }
}

/// After a command there stands a file, and nobody meant another command.
#[test]
fn a_file_named_after_a_command_is_not_taken_for_a_command() {
    let said = refused(&Sandbox::new(), &["check", "checks"]);
    assert!(!said.contains("did you mean"), "{said}");
}

#[test]
fn an_option_after_the_file_is_refused_with_its_right_place() {
    let sandbox = Sandbox::new();
    let said = refused(&sandbox, &["fast.toml", "--nodaemon"]);
    let expected = "poetryd: --nodaemon stands after the application file fast.toml; options stand before it\n";
    assert_eq!(said, expected);
}

#[test]
fn a_second_file_is_refused() {
    let sandbox = Sandbox::new();
    let said = refused(&sandbox, &["fast.toml", "slow.toml"]);
    let expected = "poetryd: there is one application file at a time; \"slow.toml\" is one too many after fast.toml\n";
    assert_eq!(said, expected);
}

#[test]
fn options_may_stand_on_either_side_of_a_command() {
    let sandbox = Sandbox::new();
    for arguments in
        [["--rundir", ".", "check", "fast.toml"], ["check", "--rundir", ".", "fast.toml"]]
    {
        let output = sandbox.run(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn wrong_options_are_refused() {
    let sandbox = Sandbox::new();
    for (arguments, expected) in [
        (&["--nodeamon", "fast.toml"][..], "--nodaemon"),
        (&["--umask", "089", "fast.toml"], "expected octal digits, from 000 to 777"),
        (&["--stop-timeout", "soon", "fast.toml"], "expected a number of seconds"),
        (&["--stop-timeout=-1", "fast.toml"], "expected a number of seconds"),
        (&["--log-level", "loud", "fast.toml"], "error, warn, info, debug, trace"),
        (&["--log-format", "xml", "fast.toml"], "text, json"),
        (&["--uid", "nobodyy", "fast.toml"], "there is no user called \"nobodyy\" on this machine"),
        (
            &["--gid", "nogroupp", "fast.toml"],
            "there is no group called \"nogroupp\" on this machine",
        ),
        (&["--uid", "3999999999", "fast.toml"], "--gid"),
        (&["--euid", "fast.toml"], "--euid"),
        (&["--logfile", "-", "fast.toml"], "--nodaemon"),
    ] {
        let said = refused(&sandbox, arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn a_wrong_user_is_found_by_check_too() {
    let said = refused(&Sandbox::new(), &["--uid", "nobodyy", "check", "fast.toml"]);
    assert!(said.contains("there is no user called \"nobodyy\" on this machine"), "{said}");
}

#[test]
fn a_directory_is_no_application_file() {
    let sandbox = Sandbox::new();
    let said = refused(&sandbox, &["check", "poetry"]);
    let expected =
        "poetryd: can't read the application file poetry: Is a directory (os error 21)\n";
    assert_eq!(said, expected);
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let sandbox = Sandbox::new();
    fs::set_permissions(sandbox.path("fast.toml"), Permissions::from_mode(0o000)).unwrap();
    let output = run(sandbox.poetryd_unprivileged(&["check", "fast.toml"]));
    assert_eq!(output.status.code(), Some(2));
    let expected =
        "poetryd: can't read the application file fast.toml: Permission denied (os error 13)\n";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn a_poem_that_may_not_be_read_is_named() {
    let sandbox = Sandbox::new();
    fs::set_permissions(sandbox.path("poetry/ecstasy.txt"), Permissions::from_mode(0o000)).unwrap();
    let output = run(sandbox.poetryd_unprivileged(&["check", "fast.toml"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("ecstasy.txt: Permission denied (os error 13)"));
}

#[test]
fn a_file_that_is_not_text_is_shown_in_its_place() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("fast.toml"), b"name = \"fast\"\nfile = \"d\xe9j\xe0\"\n").unwrap();
    let said = refused(&sandbox, &["check", "fast.toml"]);
    assert!(said.starts_with("fast.toml:2:10: byte 0xe9 is not UTF-8"), "{said}");
}
