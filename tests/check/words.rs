//! The words of a command line: files that are none, and words in the wrong place.

use crate::support::{Foreground, Sandbox, run, stderr, stdout};
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
    let file = fs::canonicalize(sandbox.path("")).unwrap().join("nowhere.toml");
    for arguments in [&["check", "nowhere.toml"][..], &["nowhere.toml"], &["stop", "nowhere.toml"]]
    {
        let said = refused(&sandbox, arguments);
        assert_eq!(said, format!("poetryd: there is no application file {}\n", file.display()));
    }
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
    let expected =
        "poetryd: --nodaemon goes before the application file: poetryd --nodaemon fast.toml\n";
    assert_eq!(said, expected);
    let said = refused(&sandbox, &["fast.toml", "--pidfile", "x.pid"]);
    let expected =
        "poetryd: --pidfile goes before the application file: poetryd --pidfile FILE fast.toml\n";
    assert_eq!(said, expected);
}

#[test]
fn a_second_file_is_refused() {
    let sandbox = Sandbox::new();
    let said = refused(&sandbox, &["fast.toml", "slow.toml"]);
    let expected = "poetryd: only one application file can be given; unexpected \"slow.toml\" after fast.toml\n";
    assert_eq!(said, expected);
}

#[test]
fn options_may_stand_on_either_side_of_a_command() {
    let sandbox = Sandbox::new();
    for arguments in [
        ["--rundir", ".", "check", "fast.toml"],
        ["check", "--rundir", ".", "fast.toml"],
        ["check", "fast.toml", "--rundir", "."],
    ] {
        let output = sandbox.run(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn options_of_a_command_may_stand_after_the_file() {
    let output = Sandbox::new().run(&["stop", "fast.toml", "--now"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let sandbox = Sandbox::new();
    let said = refused(&sandbox, &["check", "fast.toml", "--rundir"]);
    assert!(said.contains("--rundir"), "{said}");
    let said = refused(&sandbox, &["check", "fast.toml", "slow.toml"]);
    let expected = "poetryd: only one application file can be given; unexpected \"slow.toml\" after fast.toml\n";
    assert_eq!(said, expected);
}

/// Words of twistd, systemctl, git and others.
#[test]
fn words_of_other_programs_are_answered_with_what_to_type() {
    let sandbox = Sandbox::new();
    for (arguments, expected) in [
        (&["help"][..], "there is no command \"help\"; type: poetryd --help"),
        (&["version"], "there is no command \"version\"; type: poetryd --version"),
        (&["run", "fast.toml"], "there is no command \"run\"; type just: poetryd fast.toml"),
        (&["start"], "there is no command \"start\"; type just: poetryd"),
        (&["start", "fast.toml"], "there is no command \"start\"; type just: poetryd fast.toml"),
        (
            &["restart", "fast.toml"],
            "there is no command \"restart\"; type: poetryd stop fast.toml && poetryd fast.toml",
        ),
        (
            &["ftp", "--port", "21"],
            "\"ftp\" is a service of twistd that poetryd does not have; poetryd --help lists those that it has",
        ),
    ] {
        assert_eq!(refused(&sandbox, arguments), format!("poetryd: {expected}\n"));
    }
}

#[test]
fn options_of_twistd_are_answered_with_what_to_type() {
    let sandbox = Sandbox::new();
    let moving = "for a tac file, see \"Coming from twistd\" in the guide of poetryd";
    let file = format!("an application file needs no option: poetryd FILE.toml; {moving}");
    for (arguments, option, expected) in [
        (&["-y", "poetry.tac"][..], "-y", &*file),
        (&["-ny", "poetry.tac"], "-y", &file),
        (&["--python=poetry.tac"], "--python", &file),
        (&["-noy", "poetry.tac"], "-o", "leave it out"),
        (&["--reactor", "epoll", "fast.toml"], "--reactor", "leave it out"),
        (&["-r", "epoll", "fastpoetry"], "-r", "leave it out"),
        (&["--logger=a.b"], "--logger", "the log has --logfile, --syslog and --log-format"),
        (&["-b", "fast.toml"], "-b", "the log says more with --log-level debug"),
        (&["--spew"], "--spew", "poetryd has nothing like it"),
    ] {
        let said = refused(&sandbox, arguments);
        assert_eq!(said, format!("poetryd: {option} is an option of twistd; {expected}\n"));
    }
}

/// The mistakes of Python as TOML help nobody.
#[test]
fn a_tac_file_is_answered_with_the_page_about_it() {
    let sandbox = Sandbox::new();
    let tac = "from twisted.application import service\napplication = service.Application('a')\n";
    sandbox.write("poetry.tac", tac);
    for arguments in [&["poetry.tac"][..], &["--nodaemon", "poetry.tac"], &["check", "poetry.tac"]]
    {
        let said = refused(&sandbox, arguments);
        let expected = "poetry.tac is not an application file of poetryd, which is TOML; for a tac file, \
                        see \"Coming from twistd\" in the guide of poetryd\n";
        assert!(said.starts_with("poetryd: ") && said.ends_with(expected), "{said}");
    }
    sandbox.write("right.tac", &sandbox.read("fast.toml"));
    assert!(sandbox.run(&["check", "right.tac"]).status.success());
}

#[test]
fn a_file_called_as_a_word_of_other_programs_is_run() {
    let sandbox = Sandbox::new();
    fs::copy(sandbox.path("fast.toml"), sandbox.path("help")).unwrap();
    Foreground::start(sandbox.poetryd(&["--nodaemon", "help"])).ready().stop();
}

#[test]
fn words_are_repeated_without_their_control_characters_and_not_whole() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(100_000);
    for word in ["a\u{1b}[31m\nb", "./a\u{1b}[31m\nb", "a\u{1b}[31m\nb.toml", &long] {
        for arguments in [&[word][..], &["check", word], &["fast.toml", word]] {
            let said = refused(&sandbox, arguments);
            assert_eq!(said.lines().count(), 1, "{said:?}");
            assert!(!said.contains('\u{1b}') && said.len() < 6000, "{said:?}");
        }
    }
    sandbox.write("a\u{1b}\nb.toml", "nmae = 1\n");
    let said = refused(&sandbox, &["check", "a\u{1b}\nb.toml"]);
    assert!(said.starts_with("a\\u{1b}\\nb.toml:1:1: "), "{said:?}");
}

/// What can't be written must not be taken for what was said; and it is no reason to panic.
#[test]
fn a_full_standard_output_is_a_failure() {
    let sandbox = Sandbox::new();
    for arguments in
        [&["--help"][..], &["--version"], &["check", "fast.toml"], &["fastpoetry", "--help"]]
    {
        let full = || fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = sandbox.poetryd(arguments);
        let output = command.stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = stderr(&output);
        let expected =
            "poetryd: can't write to standard output: No space left on device (os error 28)\n";
        assert_eq!(said, expected);
        let status = command.stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn help_that_nobody_reads_to_its_end_is_no_failure() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.poetryd(&["--help"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
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
        (&["--uid", "nobodyy", "fast.toml"], "there is no user named \"nobodyy\" on this machine"),
        (
            &["--gid", "nogroupp", "fast.toml"],
            "there is no group named \"nogroupp\" on this machine",
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
    assert!(said.contains("there is no user named \"nobodyy\" on this machine"), "{said}");
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
