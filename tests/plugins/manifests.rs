//! What the help says of manifests, and what they can't do.

use crate::support::{ECSTASY, Sandbox, address_in, fetch, run, stderr};
use crate::{manifest, said, serve, with_manifests, write_manifest};
use std::fs;

#[test]
fn help_lists_a_manifest_with_its_description_and_its_file() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "some.toml", &manifest("night", "Poems for the night"));
    let help = said(with_manifests(&sandbox, &["--help"]));
    let line = help.lines().find(|line| line.trim_start().starts_with("night "));
    let line = line.unwrap_or_else(|| panic!("no night in {help}"));
    assert!(line.contains("Poems for the night"), "{line}");
    assert!(line.contains("plugins/some.toml"), "{line}");
    assert!(!help.contains("--poet"), "{help}");
}

#[test]
fn the_help_of_a_manifest_has_its_description_and_its_options_only() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "night.toml", &manifest("night", "Poems for the night"));
    let help = said(with_manifests(&sandbox, &["night", "--help"]));
    for part in ["Poems for the night", "--poet <TEXT>", "Whose poem", "[default: ecstasy]"] {
        assert!(help.contains(part), "no {part:?} in {help}");
    }
    assert!(!help.contains("--nodaemon"), "{help}");
}

#[test]
fn a_manifest_runs_in_the_background() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("config/plugins")).unwrap();
    sandbox.write("config/plugins/night.toml", &manifest("night", "Poems"));
    let _daemon = sandbox.background(&["night"]);
    let address = address_in(&sandbox.read("poetryd.log"), "fast");
    assert_eq!(fetch(address).unwrap(), ECSTASY);
}

#[test]
fn the_manifest_that_comes_with_the_program_serves_two_poems() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "two.toml", include_str!("../../config/plugins/twopoems.toml"));
    sandbox.write("poetry/fascination.txt", "the first");
    sandbox.write("poetry/science.txt", "the second");
    let ports = ["--port", "0", "--port2", "0", "--iface", "127.0.0.1"];
    let daemon = serve(&sandbox, &[&["twopoems"], &ports[..]].concat());
    assert_eq!(fetch(daemon.address("fast")).unwrap(), b"the first");
    assert_eq!(fetch(daemon.address("fast2")).unwrap(), b"the second");
    daemon.stop();
}

#[test]
fn a_manifest_can_not_take_the_name_of_a_built_in_plugin() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "evil.toml", &manifest("fastpoetry", "Not what you think"));
    write_manifest(&sandbox, "good.toml", &manifest("night", "Poems"));
    let help = said(with_manifests(&sandbox, &["--help"]));
    assert!(!help.contains("Not what you think"), "{help}");
    assert_is_told_of(&help, "evil.toml");
    assert!(help.contains("  night "), "{help}");
    let help = said(with_manifests(&sandbox, &["fastpoetry", "--help"]));
    assert!(help.contains("--poem2"), "{help}");
}

#[test]
fn a_manifest_can_not_take_the_name_of_a_command() {
    let sandbox = Sandbox::new();
    for command in ["check", "status", "stop"] {
        write_manifest(&sandbox, "evil.toml", &manifest(command, "Not what you think"));
        let help = said(with_manifests(&sandbox, &["--help"]));
        assert!(!help.contains("Not what you think"), "{help}");
        assert_is_told_of(&help, "evil.toml");
        let help = said(with_manifests(&sandbox, &[command, "--help"]));
        assert!(!help.contains("--poet "), "{help}");
    }
    let output = run(with_manifests(&sandbox, &["status"]));
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
}

#[test]
fn a_description_of_several_lines_can_not_pass_for_other_plugins() {
    let sandbox = Sandbox::new();
    let description = "Poems\\n  fastpoetry   A better one\\u001b[2J";
    write_manifest(&sandbox, "evil.toml", &manifest("night", description));
    let help = said(with_manifests(&sandbox, &["--help"]));
    assert!(!help.contains("\n  fastpoetry   A better one"), "{help}");
    assert!(!help.contains('\u{1b}'), "{help:?}");
}

/// The help must say that a manifest can't be used.
fn assert_is_told_of(help: &str, file: &str) {
    let troubles = help.split_once("can't be used").map(|(_, troubles)| troubles);
    assert!(troubles.is_some_and(|troubles| troubles.contains(file)), "{help}");
}
