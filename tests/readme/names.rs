//! The options, transforms, files and links that the pages name.

use crate::pages::{Page, REPOSITORY, page, pages};
use crate::support::{Sandbox, command, run, stdout};
use std::collections::BTreeSet;
use std::path::Path;

/// The words of a text that begin with two hyphens, without what follows an option's name.
fn long_options(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned)
}

/// The options in the first column of the tables of a page.
fn described(page: &Page) -> BTreeSet<String> {
    let rows = page.text.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split("| ").next());
    cells.filter(|cell| cell.starts_with("`-")).flat_map(long_options).collect()
}

/// The options that a help text has entries for. Two spaces separate it from the description.
fn entries(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let options = lines.map(|line| line.split_once("  ").map_or(line, |(option, _)| option));
    options.flat_map(long_options).collect()
}

#[test]
fn every_option_is_described_and_every_described_option_exists() {
    let existing = entries(&stdout(&Sandbox::new().run(&["--help"])));
    assert!(existing.len() >= 16, "{existing:?}");
    assert_eq!(existing, described(&page("command_line")));
}

#[test]
fn the_options_of_the_plugins_and_of_the_client_are_the_described_ones() {
    let sandbox = Sandbox::new();
    let page_of_plugins = page("plugins");
    let mut plugins = BTreeSet::new();
    for (name, _) in poetryd::poetry::plugins().list() {
        assert!(page_of_plugins.text.contains(&format!("\n`{name}")), "{name} is not described");
        plugins.extend(entries(&stdout(&sandbox.run(&[name, "--help"]))));
    }
    plugins.remove("--help");
    assert_eq!(plugins, described(&page_of_plugins));
    let mut client = command(env!("CARGO_BIN_EXE_get-poetry"));
    client.arg("--help");
    assert_eq!(entries(&stdout(&run(client))), described(&page("get_poetry")));
}

#[test]
fn the_options_of_the_daemon_named_in_the_text_exist() {
    let existing = entries(&stdout(&Sandbox::new().run(&["--help"])));
    let mut checked = 0;
    for page in pages() {
        // `--rundir DIR`, `--nodaemon` and so on, as somebody types them.
        let words = page.text.split('`').skip(1).step_by(2).map(str::trim);
        for word in words.filter(|word| word.starts_with("poetryd --")) {
            let unknown: Vec<String> =
                long_options(word).filter(|option| !existing.contains(option)).collect();
            assert_eq!(unknown, [""; 0], "{}: {word:?}", page.name);
            checked += 1;
        }
    }
    assert!(checked > 0);
}

#[test]
fn the_command_that_runs_the_tests_is_the_one_that_ci_runs() {
    let ci = include_str!("../../.ci/run");
    let readme = page("README").text;
    let commands = readme.lines().filter_map(|line| line.strip_prefix("    "));
    let commands: Vec<&str> =
        commands.filter(|command| command.starts_with("cargo test")).collect();
    let [command] = commands[..] else { panic!("README has {commands:?}") };
    assert!(ci.contains(&format!("\nrun {command}\n")), ".ci/run does not run {command:?}");
}

#[test]
fn the_transforms_are_the_described_ones() {
    for (name, what, _) in poetryd::poetry::transforms::TRANSFORMS {
        assert!(page("services").text.contains(&format!("| `{name}` | {what} |")), "{name}");
    }
}

#[test]
fn the_kinds_and_protocols_are_the_described_ones() {
    let mut registry = poetryd::config::Registry::new();
    poetryd::poetry::register(&mut registry);
    let names = registry.kinds().into_iter().chain(registry.protocols());
    let text = page("services").text;
    for name in names {
        assert!(text.contains(&format!("| [`\"{name}\"`]")), "{name} is not described");
    }
}

#[test]
fn the_files_named_exist() {
    let in_a_path = |c: char| c.is_ascii_alphanumeric() || "_-./@".contains(c);
    let folders =
        [".ci/", "benches/", "config/", "examples/", "poetry/", "src/", "systemd/", "tests/"];
    let mut named = 0;
    for page in pages() {
        // What a reader writes is there once they have.
        let blocks = page.blocks();
        let written: Vec<&str> = blocks.iter().filter_map(|block| block.value("file")).collect();
        let words: BTreeSet<&str> = page.text.split(|c| !in_a_path(c)).collect();
        let words = words.iter().filter(|word| folders.iter().any(|f| word.starts_with(f)));
        for word in words.map(|word| word.trim_end_matches('.')) {
            let exists = Path::new(REPOSITORY).join(word).exists();
            assert!(exists || written.contains(&word), "{}: {word} is missing", page.name);
            named += 1;
        }
    }
    assert!(named > 50, "only {named} files are named");
}

/// The definitions of links in a text: `[NAME]: TARGET`.
fn definitions(text: &str) -> Vec<(&str, &str)> {
    let links = text.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    links.filter(|(name, _)| !name.contains(' ')).collect()
}

#[test]
fn every_link_leads_to_a_file_and_in_the_documentation_to_a_module() {
    let modules = include_str!("../../src/guide/links.txt");
    let modules: BTreeSet<&str> = definitions(modules).into_iter().map(|(name, _)| name).collect();
    for page in pages() {
        let (name, text) = (&page.name, page.prose());
        let folder = Path::new(REPOSITORY).join(if name == "README" { "" } else { "src/guide" });
        let defined = definitions(&text);
        for (link, target) in &defined {
            assert!(folder.join(target).exists(), "{name}: [{link}] leads to {target}");
            assert!(modules.contains(link), "{name}: [{link}] is not in links.txt");
        }
        let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in inline.filter(|target| !target.starts_with(['#', 'h'])) {
            assert!(folder.join(target).exists(), "{name}: a link leads to {target}");
            assert_eq!(name, "README", "{target}: rustdoc needs [TEXT][NAME] instead");
        }
        let used = text.split("][").skip(1).filter_map(|rest| rest.split_once(']'));
        for (link, _) in used.filter(|(link, _)| !link.contains(['\n', ' ', '"'])) {
            assert!(defined.iter().any(|(name, _)| *name == link), "{name}: what is [{link}]?");
        }
    }
}

#[test]
fn every_page_is_a_module_and_can_be_found() {
    let list = include_str!("../../src/guide/mod.rs");
    let links = include_str!("../../src/guide/links.txt");
    let readme = page("README").text;
    for page in pages().into_iter().filter(|page| page.name != "README") {
        let name = page.name;
        assert!(list.contains(&format!("    {name},\n")), "{name} is no module");
        assert!(links.contains(&format!("[{name}]: crate::guide::{name}\n")), "{name}: no link");
        assert!(readme.contains(&format!("(src/guide/{name}.md)")), "{name}: README has no link");
    }
}
