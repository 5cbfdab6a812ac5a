//! Manifests with mistakes.

use crate::support::{ECSTASY, Sandbox, fetch};
use crate::{assert_is_refused, manifest, said, serve, with_manifests, write_manifest};
use nix::sys::stat::Mode;
use std::fs;

#[test]
fn help_reports_a_broken_manifest_with_line_and_column_and_lists_the_others() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "a.toml", &manifest("aubade", "Poems for the morning"));
    write_manifest(&sandbox, "b.toml", "name = \"broken\"\ndescription = \n");
    write_manifest(&sandbox, "c.toml", &manifest("compline", "Poems for the evening"));
    let help = said(with_manifests(&sandbox, &["--help"]));
    let place = format!("{}:2:15: ", sandbox.path("plugins/b.toml").display());
    for part in [&place, "Poems for the morning", "Poems for the evening"] {
        assert!(help.contains(part), "no {part:?} in {help}");
    }
}

#[test]
fn mistakes_are_found_before_the_options_have_values() {
    for (right, wrong, mistake) in [
        ("name = \"night\"", "name = \"night watch\"", ":1:8: name: "),
        ("description = \"Poems\"", "description = 3", ":2:15: description: "),
        ("description = \"Poems\"", "", ":1:1: "),
        ("description = \"Poems\"", "descriptoin = \"Poems\"", ":2:1: unknown key"),
        ("name = \"poet\"", "", ":4:1: "),
        ("name = \"poet\"", "name = \"help\"", ":5:8: name: "),
        ("default = \"ecstasy\"", "type = \"txt\"", ":6:8: type: "),
        ("default = \"ecstasy\"", "type = \"port\"\ndefault = 70000", ":7:11: default: "),
        ("default = \"ecstasy\"", "type = \"integer\"\ndefault = 1.5", ":7:11: default: "),
        ("default = \"ecstasy\"", "type = \"number\"\ndefault = inf", ":7:11: default: "),
        ("default = \"ecstasy\"", "type = \"number\"\ndefault = nan", ":7:11: default: "),
        ("default = \"ecstasy\"", "type = \"boolean\"\ndefault = 1", ":7:11: default: "),
        ("default = \"ecstasy\"", "short = \"h\"", ":6:9: short: "),
        ("default = \"ecstasy\"", "short = \"po\"", ":6:9: short: "),
        ("help = \"Whose poem\"", "hlep = \"Whose poem\"", ":7:1: unknown key"),
        (
            "help = \"Whose poem\"",
            "[[options]]\nname = \"poet\"",
            ":8:8: there is already an option",
        ),
        ("{poet}", "{peot}", ":11:8: there is no option \"peot\"; did you mean \"poet\"?"),
        ("{poet}", "{poet", ":11:8: a single brace"),
    ] {
        let sandbox = Sandbox::new();
        let text = manifest("night", "Poems");
        assert!(text.contains(right));
        write_manifest(&sandbox, "night.toml", &text.replacen(right, wrong, 1));
        let mistake = format!("{}{mistake}", sandbox.path("plugins/night.toml").display());
        let word = if wrong.contains("night watch") { "night watch" } else { "night" };
        assert_is_refused(&sandbox, &[word], &mistake);
    }
}

#[test]
fn help_shows_the_first_of_several_mistakes_and_counts_the_others() {
    let sandbox = Sandbox::new();
    let text = "name = \"night\"\ndescription = 1\ncolour = 2\nsize = 3\n";
    write_manifest(&sandbox, "night.toml", text);
    let help = said(with_manifests(&sandbox, &["--help"]));
    let lines: Vec<&str> = help.lines().filter(|line| line.contains("night.toml")).collect();
    assert_eq!(lines.len(), 1, "{help}");
    assert!(lines[0].contains("night.toml:2:15: description: "), "{help}");
    assert!(lines[0].contains("2 more"), "{help}");
}

#[test]
fn the_name_has_to_be_the_first_key() {
    let sandbox = Sandbox::new();
    let text = manifest("night", "Poems").replacen("name = \"night\"\n", "", 1);
    let text = text.replacen("\"Poems\"\n", "\"Poems\"\nname = \"night\"\n", 1);
    write_manifest(&sandbox, "night.toml", &text);
    let help = said(with_manifests(&sandbox, &["--help"]));
    assert!(help.contains("night.toml:2:8: "), "{help}");
}

#[test]
fn comments_and_windows_line_ends_may_stand_around_the_name() {
    let sandbox = Sandbox::new();
    let text = format!("# poems\n\n  {}", manifest("night", "Poems")).replace('\n', "\r\n");
    write_manifest(&sandbox, "night.toml", &format!("\u{feff}{text}"));
    let daemon = serve(&sandbox, &["night"]);
    assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
    daemon.stop();
}

#[test]
fn a_plugin_that_help_lists_can_be_run_however_its_name_is_written() {
    for (name, spelling) in
        [("night", "'night'"), ("night", "\"\\u006eight\""), ("night", "'''night'''")]
    {
        let sandbox = Sandbox::new();
        let text = manifest(name, "Poems").replacen(&format!("\"{name}\""), spelling, 1);
        write_manifest(&sandbox, "night.toml", &text);
        if said(with_manifests(&sandbox, &["--help"])).contains("  night ") {
            said(with_manifests(&sandbox, &[name, "--help"]));
        }
    }
}

#[test]
fn a_manifest_that_is_not_utf_8_is_reported_with_line_and_column() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "night.toml", "");
    let text = b"name = \"night\"\ndescription = \"caf\xe9\"\n";
    fs::write(sandbox.path("plugins/night.toml"), text).unwrap();
    let place = format!("{}:2:19: ", sandbox.path("plugins/night.toml").display());
    let help = said(with_manifests(&sandbox, &["--help"]));
    assert!(help.contains(&place), "{help}");
    assert_is_refused(&sandbox, &["night"], &place);
}

#[test]
fn a_broken_manifest_hides_no_later_one_of_its_name() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "a.toml", "name = \"night\"\ndescription = 1\n");
    write_manifest(&sandbox, "b.toml", &manifest("night", "Poems"));
    let help = said(with_manifests(&sandbox, &["--help"]));
    assert!(help.contains("a.toml:2:15: "), "{help}");
    assert!(help.contains("b.toml"), "{help}");
    let daemon = serve(&sandbox, &["night"]);
    assert_eq!(fetch(daemon.address("fast")).unwrap(), ECSTASY);
    daemon.stop();
}

#[test]
fn what_is_no_file_at_all_hides_no_other() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "c.toml", &manifest("night", "Poems"));
    fs::create_dir(sandbox.path("plugins/a.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", sandbox.path("plugins/b.toml")).unwrap();
    let help = said(with_manifests(&sandbox, &["--help"]));
    for part in ["  night ", "a.toml", "b.toml"] {
        assert!(help.contains(part), "no {part:?} in {help}");
    }
    serve(&sandbox, &["night"]).stop();
}

#[test]
fn a_fifo_among_the_manifests_holds_nobody_up() {
    let sandbox = Sandbox::new();
    write_manifest(&sandbox, "b.toml", &manifest("night", "Poems"));
    nix::unistd::mkfifo(&sandbox.path("plugins/a.toml"), Mode::S_IRWXU).unwrap();
    let help = said(with_manifests(&sandbox, &["--help"]));
    assert!(help.contains("  night "), "{help}");
    serve(&sandbox, &["night"]).stop();
}

#[test]
fn a_manifest_without_services_is_refused() {
    let sandbox = Sandbox::new();
    let text = manifest("night", "Poems");
    write_manifest(&sandbox, "night.toml", text.split("[services").next().unwrap());
    let mistake = format!("{}:1:1: ", sandbox.path("plugins/night.toml").display());
    assert_is_refused(&sandbox, &["night"], &mistake);
}
