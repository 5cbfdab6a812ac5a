//! What README and the guide say, and what is so.
//!
//! `pages.rs`: the pages and their blocks. `session.rs` types a page from top to bottom, into the shell of `shell.rs`, in
//! the place that `place.rs` sets up, and compares what is printed as `output.rs` says. `files.rs`: the application files
//! and programs that the pages show. `names.rs`: the options, files and links that they name.
//!
//! `cargo test` builds the examples that the pages run, but `cargo test --test readme` does not: before that, `cargo build
//! --examples`.

mod files;
mod names;
mod output;
mod pages;
mod place;
mod session;
mod shell;
#[path = "../support/mod.rs"]
mod support;

use pages::{Page, page, pages};
use session::NOT_RUN;
use std::collections::BTreeSet;

/// The pages that are typed from top to bottom: each by a test of its name.
macro_rules! typed {
    ($($page:ident $(needs $program:literal)?),* $(,)?) => {
        const TYPED: &[(&str, bool)] = &[$((stringify!($page), <[&str]>::is_empty(&[$($program)?]))),*];

        #[allow(non_snake_case)]
        mod every_command_prints_what_is_shown_in {
            use crate::{pages::page, place::CloneDirectory, session::type_in};
            $(
                #[test]
                $(#[ignore = $program])?
                fn $page() {
                    type_in(&page(stringify!($page)), &CloneDirectory::new());
                }
            )*
        }
    };
}

typed! {
    README,
    application_files,
    coming_from_twistd,
    command_line,
    containers needs "root",
    control,
    exercises,
    get_poetry,
    key_value,
    log,
    monitoring,
    plugins,
    privileges needs "root",
    running_for_years,
    services,
    signals,
    testing_services,
    writing_services,
}

/// The pages that are typed on a machine with a systemd of its own, by tests/package and tests/systemd.
const ON_A_MACHINE: [&str; 2] = ["debian", "systemd"];

#[test]
fn every_page_with_commands_is_typed() {
    let with_commands = pages().into_iter().filter(|page| !page.blocks_in("console").is_empty());
    let with_commands: BTreeSet<String> = with_commands.map(|page| page.name).collect();
    let typed = TYPED.iter().map(|(name, _)| *name).chain(ON_A_MACHINE);
    assert_eq!(with_commands, typed.map(str::to_owned).collect());
}

#[test]
fn a_page_that_everybody_can_type_has_no_commands_of_root() {
    for (name, by_everybody) in TYPED {
        let is_of_root = |line: &str| line.starts_with("# ");
        let blocks = page(name).blocks_in("console");
        let of_root = blocks.iter().any(|block| block.text.lines().any(is_of_root));
        assert_eq!(*by_everybody, !of_root, "{name}");
    }
}

#[test]
fn every_block_that_is_not_run_has_a_reason_and_every_reason_a_block() {
    let blocks: Vec<_> = pages().iter().flat_map(Page::blocks).collect();
    let given: BTreeSet<&str> = blocks.iter().filter_map(|block| block.value("not-run")).collect();
    assert_eq!(given, NOT_RUN.iter().map(|(name, _)| *name).collect());
}

#[test]
fn a_reader_is_told_which_file_a_block_is() {
    for page in pages() {
        for block in page.blocks() {
            let Some(file) = block.value("file") else { continue };
            let told = block.introduction.contains(&format!("`{file}`"));
            assert!(told, "{}, line {}: {file} is not named above", page.name, block.line);
        }
    }
}

#[test]
fn commands_are_where_the_tests_find_them() {
    for page in pages() {
        let indented = page.text.lines().find(|line| line.trim_start().starts_with("```console"));
        let indented = indented.filter(|line| line.starts_with(' '));
        assert_eq!(indented, None, "{}: a block of commands is indented", page.name);
    }
}

#[test]
fn readme_can_be_read_to_its_end() {
    let lines = page("README").text.lines().count();
    assert!(lines <= 250, "README has {lines} lines");
}
