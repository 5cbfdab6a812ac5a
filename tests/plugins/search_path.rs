//! The places where manifests are found, and their order.

use crate::support::{ECSTASY, Foreground, Sandbox, fetch, run, stderr, through};
use crate::{manifest, said};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The places that a test can write to, first to last, within the sandbox.
const PLACES: [&str; 4] = ["named", "named too", "config/plugins", "xdg/poetryd/plugins"];

#[test]
fn a_manifest_is_found_in_every_place_of_the_search_path() {
    for place in PLACES {
        let sandbox = Sandbox::new();
        put(&sandbox, place, "night", "Poems");
        let help = said(with_places(&sandbox, &["--help"]));
        assert!(help.contains("  night "), "{place}: {help}");
        let daemon = Foreground::start(with_places(&sandbox, &["-n", "night"])).ready();
        assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
        daemon.stop();
    }
}

#[test]
fn of_several_manifests_of_one_name_the_first_is_used() {
    for first in 0..PLACES.len() {
        let sandbox = Sandbox::new();
        for place in &PLACES[first..] {
            put(&sandbox, place, "night", &format!("Poems of {place}"));
        }
        for args in [&["--help"][..], &["night", "--help"]] {
            let help = said(with_places(&sandbox, args));
            for (number, place) in PLACES.iter().enumerate() {
                let shown = help.contains(&format!("Poems of {place}\n"))
                    || help.contains(&format!("Poems of {place} ("));
                assert_eq!(shown, number == first, "{place} in {help}");
            }
        }
    }
}

#[test]
fn the_home_directory_counts_only_without_xdg_config_home() {
    let sandbox = Sandbox::new();
    put(&sandbox, "home/.config/poetryd/plugins", "night", "Poems");
    let lists_it = |xdg: Option<&Path>| {
        let mut command = with_places(&sandbox, &["--help"]);
        match xdg {
            Some(xdg) => command.env("XDG_CONFIG_HOME", xdg),
            None => command.env_remove("XDG_CONFIG_HOME"),
        };
        said(command).contains("  night ")
    };
    assert!(lists_it(None));
    assert!(lists_it(Some(Path::new("")))); // as if it were unset, says the specification
    assert!(!lists_it(Some(&sandbox.path("xdg"))));
}

#[test]
fn the_rundir_of_the_command_line_is_searched_when_one_is_run() {
    let sandbox = Sandbox::new();
    put(&sandbox, "elsewhere/config/plugins", "night", "Poems");
    fs::create_dir(sandbox.path("elsewhere/poetry")).unwrap();
    sandbox.write("elsewhere/poetry/ecstasy.txt", "elsewhere");
    let command = with_places(&sandbox, &["-n", "--rundir", "elsewhere", "night"]);
    let daemon = Foreground::start(command).ready();
    assert_eq!(fetch(daemon.address("fast")).unwrap(), b"elsewhere");
    daemon.stop();
}

#[test]
fn the_rundir_of_the_command_line_is_searched_for_the_help() {
    let sandbox = Sandbox::new();
    put(&sandbox, "elsewhere/config/plugins", "night", "Poems");
    let help = said(with_places(&sandbox, &["--rundir", "elsewhere", "--help"]));
    assert!(help.contains("  night "), "{help}");
}

#[test]
fn only_toml_files_are_manifests() {
    let sandbox = Sandbox::new();
    put(&sandbox, "named", "night", "Poems");
    fs::rename(sandbox.path("named/night.toml"), sandbox.path("named/night.toml~")).unwrap();
    sandbox.write("named/README", "Poems for the night");
    let help = said(with_places(&sandbox, &["--help"]));
    assert!(!help.contains("night") && !help.contains("README"), "{help}");
    let output = run(with_places(&sandbox, &["-n", "night"]));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
#[ignore = "root"] // for an /etc and a /usr/share of its own
fn the_directories_of_the_system_come_last() {
    let sandbox = Sandbox::new();
    put(&sandbox, "etc/poetryd/plugins", "night", "Poems of etc");
    put(&sandbox, "share/poetryd/plugins", "night", "Poems of share");
    put(&sandbox, "share/poetryd/plugins", "dawn", "Poems of the morning");
    put(&sandbox, "xdg/poetryd/plugins", "user", "Poems of the user");
    put(&sandbox, "etc/poetryd/plugins", "user", "Poems of nobody");
    let script = "mount --bind etc /etc && mount --bind share /usr/share && exec \"$0\" \"$@\"";
    let command = with_places(&sandbox, &["--help"]);
    let help = said(through(&["unshare", "--mount", "sh", "-c", script], &command));
    for part in ["Poems of etc", "Poems of the morning", "Poems of the user"] {
        assert!(help.contains(part), "no {part:?} in {help}");
    }
    for part in ["Poems of share", "Poems of nobody"] {
        assert!(!help.contains(part), "{part:?} in {help}");
    }
}

fn put(sandbox: &Sandbox, place: &str, name: &str, description: &str) {
    fs::create_dir_all(sandbox.path(place)).unwrap();
    sandbox.write(&format!("{place}/{name}.toml"), &manifest(name, description));
}

/// The program, with all places within the sandbox.
fn with_places(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.poetryd(args);
    let named = [sandbox.path(PLACES[0]), sandbox.path(PLACES[1])];
    command.env("POETRYD_PLUGIN_PATH", std::env::join_paths(named).unwrap());
    command.env("XDG_CONFIG_HOME", sandbox.path("xdg")).env("HOME", sandbox.path("home"));
    command
}
