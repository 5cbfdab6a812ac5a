//! `poetryd check`, and what is refused before anything starts: wrong files, wrong command lines.

#[path = "../support/mod.rs"]
mod support;

mod input;
mod json;
mod words;

use std::path::Path;
use support::{Sandbox, fast_toml, run, stderr, stdout, through};

/// Checks `fast.toml` with a table before its services; returns what the user sees of the mistakes.
fn mistakes_in(table: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.write("fast.toml", &format!("{table}\n{}", fast_toml("").replace("name =", "#")));
    let output = sandbox.run(&["check", "fast.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(stdout(&output), "", "mistakes belong on standard error");
    assert_eq!(sandbox.files(), ["fast.toml", "poetry"], "something was left behind");
    stderr(&output)
}

#[test]
fn every_application_file_of_the_repository_is_right() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut checked = 0;
    for entry in std::fs::read_dir(repository.join("config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        if cfg!(not(feature = "web")) && path.file_name().is_some_and(|name| name == "status.toml")
        {
            continue;
        }
        let mut command = Sandbox::new().poetryd(&["check", path.to_str().unwrap()]);
        command.current_dir(repository);
        let output = run(command);
        assert!(output.status.success(), "{}: {}", path.display(), stderr(&output));
        checked += 1;
    }
    assert!(checked >= 2, "found {checked} files");
}

#[test]
fn a_right_file_is_described_service_by_service() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["check", "fast.toml"]);
    let expected = "fast.toml: application \"fastpoetry\"\n\
                    [ecstasy] would load a poem from poetry/ecstasy.txt (3003 bytes)\n\
                    [fast] would listen on 127.0.0.1:0\n";
    assert_eq!(stdout(&output), expected);
    assert_eq!((stderr(&output).as_str(), output.status.code()), ("", Some(0)));
    assert_eq!(sandbox.files(), ["fast.toml", "poetry"], "something was left behind");
}

#[test]
fn services_in_groups_are_described_with_their_paths() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "night.toml",
        "[services.night]\nkind = \"group\"\n[services.night.services.poem]\n\
         kind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n",
    );
    let output = sandbox.run(&["check", "night.toml"]);
    assert!(stdout(&output).contains("\n[night.poem] would load a poem"), "{}", stdout(&output));
}

#[test]
fn without_a_file_the_built_in_application_is_described() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["check"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.starts_with("the built-in application, since there is no poetryd.toml here"),
        "{said}"
    );
    assert!(said.contains("[ecstasy] would load the built-in poem (3003 bytes)"), "{said}");
    assert!(said.contains("127.0.0.1:10000"), "{said}");
}

#[test]
fn without_a_file_poetryd_toml_in_the_rundir_is_checked() {
    let sandbox = Sandbox::new();
    sandbox.write("poetryd.toml", &fast_toml(""));
    let output = sandbox.run(&["check"]);
    assert!(stdout(&output).starts_with("poetryd.toml: "), "{}", stdout(&output));
    let mut command = sandbox.poetryd(&["check", "--rundir", sandbox.path("").to_str().unwrap()]);
    command.current_dir("/");
    let output = run(command);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("poetryd.toml: "), "{}", stdout(&output));
}

#[test]
fn the_mistakes_of_a_file_stand_alone_on_standard_error() {
    let sandbox = Sandbox::new();
    sandbox
        .write("fast.toml", &fast_toml("max-conections = 5").replace("port = 0", "port = 70000"));
    for arguments in [&["check", "fast.toml"][..], &["fast.toml"], &["--nodaemon", "fast.toml"]] {
        let output = sandbox.run(arguments);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
        let expected = "fast.toml:10:8: port: expected a port, a number from 0 to 65535, found 70000\n   \
             |\n10 | port = 70000\n   |        ^^^^^\n\n\
             fast.toml:13:1: unknown key \"max-conections\" in service fast; did you mean \"max-connections\"?\n   \
             |\n13 | max-conections = 5\n   | ^^^^^^^^^^^^^^\n";
        assert_eq!(stderr(&output), expected);
    }
    assert_eq!(sandbox.files(), ["fast.toml", "poetry"], "something was left behind");
}

#[test]
fn an_unknown_key_of_the_daemon_table_is_shown_with_the_nearest() {
    let report = mistakes_in("[daemon]\nstop-timout = 3\n[log]\nrotate_at = 5000");
    let daemon =
        "fast.toml:2:1: unknown key \"stop-timout\" in [daemon]; did you mean \"stop-timeout\"?\n";
    assert!(report.starts_with(daemon), "{report}");
    let log = "\nfast.toml:4:1: unknown key \"rotate_at\" in [log]; did you mean \"rotate-at\"?\n";
    assert!(report.contains(log), "{report}");
}

#[test]
fn an_unknown_table_is_shown_with_the_nearest() {
    let report = mistakes_in("[deamon]\numask = \"022\"");
    let expected =
        "fast.toml:1:2: unknown key \"deamon\" in the application; did you mean \"daemon\"?\n";
    assert!(report.starts_with(expected), "{report}");
}

#[test]
fn every_wrong_value_of_the_daemon_table_is_shown() {
    for (setting, expected) in [
        ("umask = 77", "umask: expected octal digits in quotes, from \"000\" to \"777\", found 77"),
        (
            "umask = \"089\"",
            "umask: expected octal digits in quotes, from \"000\" to \"777\", found the string \"089\"",
        ),
        (
            "stop-timeout = -1",
            "stop-timeout: expected a number of seconds, such as 30 or 0.5, found -1",
        ),
        ("nodaemon = \"yes\"", "nodaemon: expected true or false, found the string \"yes\""),
        ("euid = 1", "euid: expected true or false, found 1"),
        ("pidfile = true", "pidfile: expected a file name in quotes, found true"),
        ("logfile = \"\"", "logfile: expected a file name in quotes, found the string \"\""),
        ("prefix = \"\"", "prefix: expected a string that is not empty, found the string \"\""),
        ("rundir = 1", "rundir: expected a file name in quotes, found 1"),
        ("chroot = []", "chroot: expected a file name in quotes, found an array"),
        ("uid = -1", "uid: expected a name, or a number from 0 to 4294967294, found -1"),
        (
            "uid = \"\"",
            "uid: expected a name, or a number from 0 to 4294967294, found the string \"\"",
        ),
        (
            "gid = 4294967295",
            "gid: expected a name, or a number from 0 to 4294967294, found 4294967295",
        ),
    ] {
        let report = mistakes_in(&format!("[daemon]\n{setting}"));
        let column = setting.find('=').unwrap() + 3;
        let expected = format!("fast.toml:2:{column}: {expected}\n");
        assert!(report.starts_with(&expected), "{report}");
        assert_eq!(report.matches("fast.toml:").count(), 1, "{report}");
    }
}

#[test]
fn every_wrong_value_of_the_log_table_is_shown() {
    for (setting, expected) in [
        (
            "level = \"wran\"",
            "level: expected one of error, warn, info, debug, trace (did you mean \"warn\"?), found the string \"wran\"",
        ),
        ("format = \"xml\"", "format: expected one of text, json, found the string \"xml\""),
        (
            "rotate-at = \"1 apple\"",
            "rotate-at: expected a size, such as 65536, \"64kB\" or \"1MB\", found the string \"1 apple\"",
        ),
        ("rotate-at = 100", "rotate-at: expected at least 1024 bytes, found 100"),
        ("keep = 0", "keep: expected a whole number from 1 to 10000, found 0"),
    ] {
        let report = mistakes_in(&format!("[log]\n{setting}"));
        let column = setting.find('=').unwrap() + 3;
        let expected = format!("fast.toml:2:{column}: {expected}\n");
        assert!(report.starts_with(&expected), "{report}");
    }
}

#[test]
fn a_daemon_table_that_is_none_is_shown() {
    let report = mistakes_in("daemon = \"yes\"");
    let expected = "fast.toml:1:10: daemon: expected a table, found the string \"yes\"\n";
    assert!(report.starts_with(expected), "{report}");
}

#[test]
fn a_user_or_group_that_does_not_exist_is_shown_in_its_place() {
    let report = mistakes_in("[daemon]\nuid = \"nobodyy\"");
    let uid = "fast.toml:2:7: uid: there is no user named \"nobodyy\" on this machine\n";
    assert!(report.starts_with(uid), "{report}");
    let report = mistakes_in("[daemon]\nuid = 0\ngid = \"nogroupp\"");
    let gid = "fast.toml:3:7: gid: there is no group named \"nogroupp\" on this machine\n";
    assert!(report.starts_with(gid), "{report}");
}

#[test]
fn both_the_user_and_the_group_may_be_wrong_at_once() {
    let report = mistakes_in("[daemon]\nuid = \"nobodyy\"\ngid = \"nogroupp\"");
    assert!(report.contains("no user named \"nobodyy\""), "{report}");
    assert!(report.contains("no group named \"nogroupp\""), "{report}");
}

#[test]
fn a_number_without_a_passwd_entry_needs_a_group() {
    let report = mistakes_in("[daemon]\nuid = 3999999999");
    assert!(report.contains("the user id 3999999999 has no entry"), "{report}");
    let sandbox = Sandbox::new();
    sandbox.write("fast.toml", &fast_toml("[daemon]\nuid = 3999999999\ngid = 3999999999"));
    let output = sandbox.run(&["check", "fast.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn two_places_for_one_log_are_refused() {
    let report = mistakes_in("[daemon]\nlogfile = \"x.log\"\nsyslog = true");
    assert!(report.starts_with("fast.toml:3:10: syslog: "), "{report}");
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["--logfile", "x.log", "--syslog", "check", "fast.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--logfile and --syslog"), "{}", stderr(&output));
}

#[test]
fn a_missing_poem_is_named_with_its_service_and_path() {
    let sandbox = Sandbox::new();
    std::fs::remove_file(sandbox.path("poetry/ecstasy.txt")).unwrap();
    let output = sandbox.run(&["check", "fast.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let poem = std::fs::canonicalize(sandbox.path("poetry")).unwrap().join("ecstasy.txt");
    let expected = format!(
        "[ecstasy] can't load the poem {}: No such file or directory (os error 2)\n\
         poetryd: 1 service would not start\n",
        poem.display()
    );
    assert_eq!(stderr(&output), expected);
}

#[test]
fn every_poem_that_is_missing_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "poems.toml",
        "[services.a]\nkind = \"poem\"\nfile = \"a.txt\"\n[services.b]\nkind = \"poem\"\nfile = \"poetry\"\n",
    );
    let output = sandbox.run(&["check", "poems.toml"]);
    let said = stderr(&output);
    assert!(said.contains("[a] can't load") && said.contains("it is a directory"), "{said}");
    assert!(said.ends_with("poetryd: 2 services would not start\n"), "{said}");
}

#[test]
fn poems_are_looked_for_in_the_rundir() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("run")).unwrap();
    std::fs::rename(sandbox.path("poetry"), sandbox.path("run/poetry")).unwrap();
    let output = sandbox.run(&["check", "fast.toml"]);
    assert_eq!(output.status.code(), Some(2), "it was found outside");
    let output = sandbox.run(&["--rundir", "run", "check", "fast.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    sandbox.write("fast.toml", &fast_toml("[daemon]\nrundir = \"run\""));
    let output = sandbox.run(&["check", "fast.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn a_forwarder_to_itself_is_refused_by_check_and_at_the_start() {
    let sandbox = Sandbox::new();
    let toml = "[services.loop]\nkind = \"tcp\"\nport = 10005\nprotocol = \"forward\"\nto = \"localhost:10005\"\n";
    sandbox.write("loop.toml", toml);
    for arguments in [&["check", "loop.toml"][..], &["loop.toml"], &["--nodaemon", "loop.toml"]] {
        let output = sandbox.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = stderr(&output);
        let expected = "loop.toml:5:6: to: localhost:10005 is where this service itself listens; ";
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
#[ignore = "strace"]
fn two_numbers_in_a_file_are_not_looked_up() {
    let sandbox = Sandbox::new();
    let looks_up = |daemon: &str| {
        sandbox.write("fast.toml", &fast_toml(daemon));
        let command = sandbox.poetryd(&["check", "fast.toml"]);
        let output = run(through(&["strace", "-f", "-e", "trace=file", "-o", "trace"], &command));
        assert!(output.status.success(), "{}", stderr(&output));
        let trace = sandbox.read("trace");
        ["passwd", "/etc/group"].iter().any(|file| trace.contains(file))
    };
    assert!(!looks_up("[daemon]\nuid = 65534\ngid = \"65534\""));
    assert!(looks_up("[daemon]\nuid = 0")); // whose group it is
}
