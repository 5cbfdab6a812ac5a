//! The application files, manifests and programs that the pages show.

use crate::pages::{Block, Page, REPOSITORY, page, pages};
use crate::support::{Sandbox, run, stderr};
use std::path::Path;

/// What an application needs at least, for the tables that a page shows without it.
const SERVICES: &str = "[services.ecstasy]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n";

/// What makes a block in TOML something else than an application file of poetryd's own kinds.
const OTHER: [&str; 3] = ["manifest", "package", "own-kind"];

/// The tables of application files that a page shows, made into whole files.
fn application_files(page: &Page) -> Vec<String> {
    let whole = |block: &Block| match block.text.contains("kind = \"poem\"") {
        true => block.text.clone(),
        false => format!("{}\n{SERVICES}", block.text),
    };
    let blocks = page.blocks_in("toml").into_iter();
    let own = blocks.filter(|block| !OTHER.iter().any(|other| block.is(other)));
    own.map(|block| whole(&block)).collect()
}

fn of_repository(file: &str) -> String {
    std::fs::read_to_string(Path::new(REPOSITORY).join(file)).unwrap()
}

#[test]
fn the_application_files_are_accepted() {
    let sandbox = Sandbox::new();
    let files: Vec<String> = pages().iter().flat_map(application_files).collect();
    assert!(files.len() >= 12, "{} application files are shown", files.len());
    for file in files {
        sandbox.write("shown.toml", &file);
        let name = sandbox.path("shown.toml");
        let mut check = sandbox.poetryd(&["check", name.to_str().unwrap()]);
        check.current_dir(REPOSITORY); // the poems are there
        let output = run(check);
        assert!(output.status.success(), "{}\n{file}", stderr(&output));
    }
}

#[test]
fn the_manifest_shown_is_from_the_one_in_config() {
    let file = of_repository("config/plugins/twopoems.toml");
    let blocks = page("plugins").blocks_in("toml");
    let shown = &blocks.iter().find(|block| block.is("manifest")).unwrap().text;
    for line in shown.lines() {
        assert!(file.lines().any(|other| other == line), "{line:?}");
    }
}

#[test]
fn the_first_application_file_shown_is_the_one_in_config() {
    let file = of_repository("config/fast.toml");
    let uncommented: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    for name in ["README", "application_files"] {
        let shown = page(name).blocks_in("toml")[0].text.clone();
        assert_eq!(shown.trim(), uncommented.join("\n").trim(), "{name}");
    }
}

/// What pages show of the examples: the code, without the comment at its head.
const SHOWN: [(&str, &str); 4] = [
    ("README", "examples/01_hello.rs"),
    ("key_value", "examples/14_key_value.rs"),
    ("writing_services", "examples/02_echo.rs"),
    ("writing_services", "examples/05_kind.rs"),
];

#[test]
fn the_daemons_shown_are_the_examples() {
    for (name, example) in SHOWN {
        let text = of_repository(example);
        let of_comment = |line: &&str| line.starts_with("//!") || line.is_empty();
        let code: Vec<&str> = text.lines().skip_while(of_comment).collect();
        let page = page(name);
        let blocks = page.blocks().into_iter().filter(|block| block.language.starts_with("rust"));
        let shown = blocks.into_iter().any(|block| block.text.trim() == code.join("\n").trim());
        assert!(shown, "{name} does not show {example} as it is:\n{}", code.join("\n"));
    }
}

#[test]
fn the_file_with_a_kind_of_ones_own_is_the_example() {
    let blocks = page("writing_services").blocks_in("toml");
    let shown = &blocks.iter().find(|block| block.is("own-kind")).unwrap().text;
    assert_eq!(*shown, of_repository("examples/05_kind.toml"));
}
