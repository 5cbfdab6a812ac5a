//! What the README says, and what is so.

mod metronome;
#[path = "../support/mod.rs"]
mod support;

use poetryd::config;
use std::collections::BTreeSet;
use std::path::Path;
use support::{Sandbox, run, stderr, stdout};

const README: &str = include_str!("../../README.md");
const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// What an application needs at least, for the tables that the README shows without it.
const SERVICES: &str = "[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n";

/// The contents of the blocks that begin with three backquotes and `language`.
fn blocks(language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = README.lines();
    while let Some(line) = lines.next() {
        let Some(found) = line.strip_prefix("```") else { continue };
        let block: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .flat_map(|line| [line, "\n"])
            .collect();
        if found == language {
            blocks.push(block);
        }
    }
    blocks
}

/// The tables of application files that the README shows, made into whole files, and whether they are of
/// the program's own kinds.
fn application_files() -> Vec<(String, bool)> {
    let shown = blocks("toml").into_iter().filter(|block| !block.contains("[dependencies]"));
    shown
        .map(|block| match block.contains("[services.") {
            true => (block.clone(), !block.contains("\"metronome\"")),
            false => (format!("{block}\n{SERVICES}"), true),
        })
        .collect()
}

#[test]
fn the_application_files_are_accepted() {
    let sandbox = Sandbox::new();
    let files = application_files();
    assert!(files.len() >= 5, "the README shows {} application files", files.len());
    for (file, _) in files.iter().filter(|(_, own)| *own) {
        sandbox.write("shown.toml", file);
        let name = sandbox.path("shown.toml");
        let mut check = sandbox.poetryd(&["check", name.to_str().unwrap()]);
        check.current_dir(REPOSITORY); // the poems are there
        let output = run(check);
        assert!(output.status.success(), "{}\n{file}", stderr(&output));
    }
}

#[test]
fn the_defaults_shown_are_the_defaults() {
    let shown = blocks("toml").into_iter().find(|block| block.contains("linger-timeout")).unwrap();
    let without_defaults: String = ["interface", "backlog", "write-timeout", "linger-timeout"]
        .into_iter()
        .fold(shown.clone(), |text, key| {
            assert!(text.contains(&format!("\n{key} = ")), "{key} is not shown");
            text.lines().filter(|line| !line.starts_with(key)).flat_map(|l| [l, "\n"]).collect()
        });
    let mut registry = config::Registry::new();
    poetryd::poetry::register(&mut registry);
    let parse = |text: &str| config::parse("shown.toml", text, &registry, |_| ()).unwrap().0;
    let (said, unsaid) = (parse(&shown), parse(&without_defaults));
    let (said, unsaid) = (said.settings("fast").unwrap(), unsaid.settings("fast").unwrap());
    assert!(said.same_as(unsaid), "shown {said:?}, but the defaults are {unsaid:?}");
}

#[test]
fn every_option_is_described_and_every_described_option_exists() {
    let help = stdout(&Sandbox::new().run(&["--help"]));
    let (_, section) = README.split_once("\n## Options\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `-"));
    let described = rows.flat_map(|row| long_options(row.split("` |").next().unwrap())).collect();
    let entry = |line: &&str| line.trim_start().starts_with('-');
    let existing: BTreeSet<String> = help.lines().filter(entry).flat_map(long_options).collect();
    assert!(existing.len() >= 16, "{existing:?} of\n{help}");
    assert_eq!(existing, described);
    // Those used elsewhere in the text must exist as well.
    let runs = |line: &&str| {
        line.trim_start_matches(['$', '#', ' ']).starts_with("poetryd -")
            || line.contains("--nodaemon")
    };
    for line in README.lines().filter(runs) {
        // What stands before a bare `--` is for cargo.
        let own = line.split_once(" -- ").map_or(line, |(_, own)| own);
        let unknown: Vec<String> = long_options(own).filter(|o| !existing.contains(o)).collect();
        assert_eq!(unknown, [""; 0], "in {line:?}");
    }
}

/// The words of a text that begin with two hyphens, without what follows an option's name.
fn long_options(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned)
}

#[test]
fn mistakes_look_as_shown() {
    let sandbox = Sandbox::new();
    let right = std::fs::read_to_string(Path::new(REPOSITORY).join("config/fast.toml")).unwrap();
    let port = right.replace("port = 10000", "port = 70000");
    sandbox.write("fast.toml", &port.replace("poem = \"ecstasy\"", "poem = \"ectsasy\""));
    let output = sandbox.run(&["fast.toml"]);
    let shown = format!("$ poetryd fast.toml\n{}```", stderr(&output));
    assert!(README.contains(&shown), "not in the README:\n{shown}");
}

#[test]
fn the_first_application_file_shown_is_the_one_in_config() {
    let file = std::fs::read_to_string(Path::new(REPOSITORY).join("config/fast.toml")).unwrap();
    let uncommented: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(blocks("toml")[0].trim(), uncommented.join("\n").trim());
}

#[test]
fn the_daemon_shown_is_the_example() {
    let example = include_str!("../../examples/echo.rs");
    let comment = example.lines().take_while(|line| line.starts_with("//!") || line.is_empty());
    let code: Vec<&str> = example.lines().skip(comment.count()).collect();
    assert_eq!(blocks("rust")[0].trim(), code.join("\n").trim());
}

#[test]
fn the_kind_shown_can_be_added() {
    let code = include_str!("metronome.rs");
    let (_, code) = code.split_once("\n\n").unwrap();
    assert_eq!(blocks("rust")[1].trim(), code.trim());
    let (file, _) = application_files().into_iter().find(|(_, own)| !own).unwrap();
    let parsed = config::parse("shown.toml", &file, &metronome::registry(), |_| ());
    assert!(parsed.is_ok_and(|(application, ())| application.iter().count() == 1), "{file}");
}

#[test]
fn the_files_named_exist() {
    let in_a_path = |c: char| c.is_ascii_alphanumeric() || "_-./@".contains(c);
    let words: BTreeSet<&str> = README.split(|c| !in_a_path(c)).collect();
    let rooms = [".ci/", "config/", "examples/", "poetry/", "src/", "systemd/", "tests/"];
    let named = words.iter().filter(|word| rooms.iter().any(|room| word.starts_with(room)));
    let named: Vec<&str> = named.map(|word| word.trim_end_matches('.')).collect();
    assert!(named.contains(&"config/fast.toml"), "{named:?}");
    let missing: Vec<_> =
        named.iter().filter(|file| !Path::new(REPOSITORY).join(file).exists()).collect();
    assert!(missing.is_empty(), "named but missing: {missing:?}");
}
