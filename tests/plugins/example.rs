//! `examples/06_plugin.rs`: another program, with a plugin of its own.
//!
//! `cargo test` builds it, but `cargo test --test plugins` does not: before that, `cargo build --examples`.

use crate::said;
use crate::support::{Foreground, Sandbox, command, fetch, run, stderr};
use std::process::Command;

#[test]
fn the_help_of_the_example_lists_its_plugin_and_no_poetry() {
    let help = said(example(&Sandbox::new(), &["--help"]));
    assert!(help.contains("Usage: counterd [OPTIONS]"), "{help}");
    assert!(help.contains("  visitors     Tells everybody the number"), "{help}");
    assert!(!help.contains("poetry"), "{help}");
}

#[test]
fn the_plugin_of_the_example_describes_its_options() {
    let help = said(example(&Sandbox::new(), &["visitors", "--help"]));
    for part in ["Tells everybody the number", "--port", "--first <NUMBER>", "--greeting <TEXT>"] {
        assert!(help.contains(part), "no {part:?} in {help}");
    }
}

#[test]
fn a_program_of_ones_own_speaks_of_itself_only() {
    let sandbox = Sandbox::new();
    for args in
        [&["--help"][..], &["check", "--help"], &["stop", "--help"], &["visitors", "--help"]]
    {
        let help = said(example(&sandbox, args)).to_lowercase();
        assert!(!help.contains("poem") && !help.contains("poet"), "{help}");
        assert_eq!(
            help.contains("counterd.log in the rundir"),
            !args.contains(&"visitors"),
            "{help}"
        );
    }
    for args in
        [&["help"][..], &["nothing"], &["visitors", "--nodaemon"], &["--first", "1", "visitors"]]
    {
        let output = run(example(&sandbox, args));
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!stderr(&output).contains("poet"), "{}", stderr(&output));
    }
}

#[test]
fn the_example_counts_its_visitors() {
    let sandbox = Sandbox::new();
    let options = ["--port", "0", "--first", "100", "--greeting", "Number"];
    let args = [&["--nodaemon", "visitors"], &options[..]].concat();
    let daemon = Foreground::start(example(&sandbox, &args)).ready();
    for number in 100..103 {
        let said = fetch(daemon.address("visitors")).unwrap();
        assert_eq!(said, format!("Number {number}\n").into_bytes());
    }
    assert!(sandbox.path("counterd.pid").exists());
    daemon.stop();
}

#[test]
fn the_plugin_of_the_example_is_a_kind_of_service_as_well() {
    let sandbox = Sandbox::new();
    let service = "[services.door]\nkind = \"visitors\"\nport = 0\nbacklog = 5\n";
    sandbox.write("right.toml", &format!("{service}first = 100\ngreeting = \"Number\"\n"));
    let args = ["--nodaemon", "right.toml"];
    let daemon = Foreground::start(example(&sandbox, &args)).ready();
    assert_eq!(fetch(daemon.address("door")).unwrap(), b"Number 100\n");
    daemon.stop();
    sandbox.write("wrong.toml", &format!("{service}first = \"many\"\nfrist = 1\ngreeting = 5\n"));
    let output = run(example(&sandbox, &["check", "wrong.toml"]));
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    for mistake in [
        "wrong.toml:5:9: first: expected a number, found the string \"many\"\n",
        "wrong.toml:6:1: unknown key \"frist\" in service door; did you mean \"first\"?",
        "wrong.toml:7:12: greeting: expected a string, found 5",
    ] {
        assert!(said.contains(mistake), "no {mistake:?} in\n{said}");
    }
}

#[test]
fn the_example_refuses_wrong_options() {
    let sandbox = Sandbox::new();
    for option in [["--first", "many"], ["--greeting", ""]] {
        let output = run(example(&sandbox, &[&["visitors", "--port", "0"], &option[..]].concat()));
        assert_eq!(output.status.code(), Some(2), "{option:?}");
        assert!(stderr(&output).contains(option[0]), "{}", stderr(&output));
    }
}

/// The program that cargo has built from the example: in a folder beside the one of this test.
fn example(sandbox: &Sandbox, args: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("06_plugin");
    assert!(program.exists(), "{} is not built: cargo build --examples", program.display());
    let mut example = command(program);
    example.args(args).current_dir(sandbox.path("")).env("HOME", sandbox.path(""));
    example
}
