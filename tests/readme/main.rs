//! What the README says, and what is so.

mod metronome;
#[path = "../support/mod.rs"]
mod support;

use poetryd::config;
use std::collections::BTreeSet;
use std::path::Path;
use support::{Sandbox, command, run, stderr, stdout};

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
    let other = ["[dependencies]", "[[options]]"];
    let shown = blocks("toml").into_iter().filter(|block| !other.iter().any(|o| block.contains(o)));
    shown
        .map(|block| match block.contains("kind = \"poem\"") || block.contains("\"metronome\"") {
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

/// The services of which the README shows defaults, and the keys that have one.
const DEFAULTS: [(&str, &[&str]); 6] = [
    ("fast", &["interface", "backlog", "write-timeout", "linger-timeout"]),
    ("slow", &["num-bytes", "delay"]),
    ("proxy", &["connect-timeout", "silence-timeout", "max-length"]),
    ("transform", &["max-length", "read-timeout", "request-memory"]),
    ("forward", &["connect-timeout", "idle-timeout"]),
    ("quote", &["interface", "max-reply", "replies-per-second", "allow-reflection"]),
];

#[test]
fn the_defaults_shown_are_the_defaults() {
    let mut registry = config::Registry::new();
    poetryd::poetry::register(&mut registry);
    let parse = |text: &str| config::parse("shown.toml", text, &registry, |_| ()).unwrap().0;
    for (service, keys) in DEFAULTS {
        let has = |file: &str, key: &&str| file.contains(&format!("\n{key} = "));
        let (shown, _) = application_files()
            .into_iter()
            .find(|(file, _)| {
                file.contains(&format!("[services.{service}]"))
                    && keys.iter().all(|key| has(file, key))
            })
            .unwrap_or_else(|| panic!("{service} is not shown with {keys:?}"));
        let is_default =
            |line: &&str| line.split_once(" = ").is_some_and(|(key, _)| keys.contains(&key));
        let without_defaults: String =
            shown.lines().filter(|line| !is_default(line)).flat_map(|l| [l, "\n"]).collect();
        let (said, unsaid) = (parse(&shown), parse(&without_defaults));
        let (said, unsaid) = (
            said.services().settings(service).unwrap(),
            unsaid.services().settings(service).unwrap(),
        );
        assert!(said.same_as(&*unsaid), "shown {said:?}, but the defaults are {unsaid:?}");
    }
}

#[test]
fn the_options_of_the_plugins_and_of_the_client_are_the_described_ones() {
    let sandbox = Sandbox::new();
    let entries = |help: &str| -> BTreeSet<String> {
        let entry = |line: &&str| line.trim_start().starts_with('-');
        help.lines().filter(entry).flat_map(|line| long_options(option_column(line))).collect()
    };
    let mut plugins = BTreeSet::new();
    for (name, _) in poetryd::poetry::plugins().list() {
        assert!(section("Plugins").contains(&format!("| `{name}")), "{name} is not described");
        plugins.extend(entries(&stdout(&sandbox.run(&[name, "--help"]))));
    }
    plugins.remove("--help");
    assert_eq!(plugins, described(section("Plugins"), 1));
    let mut client = command(env!("CARGO_BIN_EXE_get-poetry"));
    client.arg("--help");
    let help = stdout(&run(client));
    assert_eq!(entries(&help), described(section("get-poetry"), 0));
}

/// The part of the README below a heading.
fn section(heading: &str) -> &'static str {
    let (_, section) = README.split_once(&format!("\n## {heading}\n")).unwrap();
    section.split_once("\n## ").unwrap().0
}

/// The options in a column of the tables of a section.
fn described(section: &str, column: usize) -> BTreeSet<String> {
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split("| ").nth(column));
    cells.filter(|cell| cell.starts_with("`-")).flat_map(long_options).collect()
}

/// A line of a help text up to the description, which stands behind two spaces.
fn option_column(line: &str) -> &str {
    let line = line.trim_start();
    line.split_once("  ").map_or(line, |(option, _)| option)
}

#[test]
fn the_transforms_are_the_described_ones() {
    for (name, what, _) in poetryd::poetry::transforms::TRANSFORMS {
        assert!(README.contains(&format!("| `{name}` | {what} |")), "{name}");
    }
}

#[test]
fn the_manifest_shown_is_from_the_one_in_config() {
    let file = std::fs::read_to_string(Path::new(REPOSITORY).join("config/plugins/twopoems.toml"));
    let file = file.unwrap();
    let shown = blocks("toml").into_iter().find(|block| block.contains("[[options]]")).unwrap();
    for line in shown.lines() {
        assert!(file.lines().any(|other| other == line), "{line:?}");
    }
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
        // What stands behind a plugin is for the plugin.
        let before = |own: &'static str, (name, _)| {
            own.split_once(&format!(" {name} ")).map_or(own, |(before, _)| before)
        };
        let own = poetryd::poetry::plugins().list().fold(own, before);
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
    assert!(parsed.is_ok_and(|(application, ())| application.services().len() == 1), "{file}");
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
