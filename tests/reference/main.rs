//! The tables of options and keys that the documentation shows are those that the program would make now.
//!
//! They are all in `src/reference.md`, which this writes anew where `UPDATE_REFERENCE` is set. Any page of the guide,
//! and the README, can show one of them below a line `<!-- reference: NAME -->`; there they are compared, and
//! written, too.

use poetryd::config::{self, KeyInfo, Registry};
use poetryd::{Program, ReferenceTable, poetry};
use std::fs;
use std::path::{Path, PathBuf};

/// What comes before the tables of the page that has all of them.
const PAGE_HEAD: &str = "# Reference\n\nEvery option and every key. \
    (This page is made by `UPDATE_REFERENCE=1 cargo test --test reference`.)\n";

/// What stands above a table in other pages: `<!-- reference: NAME -->`.
const MARK: &str = "<!-- reference: ";

fn registry() -> Registry {
    let mut registry = Registry::new();
    poetry::register(&mut registry);
    poetryd::web::register(&mut registry);
    registry
}

fn tables() -> Vec<ReferenceTable> {
    let program = Program::new("poetryd", "", "").registry(registry()).plugins(poetry::plugins());
    program.reference()
}

/// What a table is called on the page that has all of them.
fn title(name: &str) -> String {
    match name.split_once(' ') {
        Some(("kind", kind)) => format!("`kind = \"{kind}\"`"),
        Some(("protocol", protocol)) => format!("`protocol = \"{protocol}\"`"),
        Some((_, plugin)) => format!("The plugin `{plugin}`"),
        None => match name {
            "options" => "Options of the command line".into(),
            "changes" => "What takes effect when".into(),
            "service" => "`[services.NAME]`, whatever the kind".into(),
            table => format!("`[{table}]`"),
        },
    }
}

/// The page that has all tables.
fn page() -> String {
    let section = |table: &ReferenceTable| {
        let ReferenceTable { name, markdown, .. } = table;
        format!("\n## {}\n\n{MARK}{name} -->\n{markdown}", title(name))
    };
    PAGE_HEAD.to_owned() + &tables().iter().map(section).collect::<String>()
}

/// A page in which every table below a mark is as it should be.
fn with_tables(page: &str, file: &Path) -> String {
    let tables = tables();
    let (mut right, mut lines) = (String::new(), page.lines().peekable());
    while let Some(line) = lines.next() {
        right.push_str(line);
        right.push('\n');
        let Some(name) = line.strip_prefix(MARK).and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        let table = tables.iter().find(|table| table.name == name);
        let file = file.display();
        right += &table.unwrap_or_else(|| panic!("{file}: there is no table {name:?}")).markdown;
        while lines.next_if(|line| line.starts_with('|')).is_some() {}
    }
    right
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages that may show tables.
fn pages() -> Vec<PathBuf> {
    let guide = fs::read_dir(repository().join("src/guide")).into_iter().flatten().flatten();
    let pages = guide.map(|entry| entry.path());
    let mut pages: Vec<PathBuf> =
        pages.filter(|page| page.extension().is_some_and(|extension| extension == "md")).collect();
    pages.push(repository().join("README.md"));
    pages
}

/// Compares a file with what it should be; or makes it so.
fn assert_is(file: &Path, right: &str) {
    let found = fs::read_to_string(file).unwrap_or_default();
    if found != right && std::env::var_os("UPDATE_REFERENCE").is_some() {
        return fs::write(file, right).unwrap();
    }
    let file = file.display();
    for (number, (found, right)) in found.lines().zip(right.lines()).enumerate() {
        assert_eq!(found, right, "{file}:{}: see UPDATE_REFERENCE in this test", number + 1);
    }
    assert_eq!(found, right, "{file}: see UPDATE_REFERENCE in this test");
}

#[test]
fn the_page_with_all_tables_is_up_to_date() {
    assert_is(&repository().join("src/reference.md"), &page());
}

#[test]
fn tables_in_other_pages_are_up_to_date() {
    for file in pages() {
        let page = fs::read_to_string(&file).unwrap();
        if page.contains(MARK) {
            assert_is(&file, &with_tables(&page, &file));
        }
    }
}

#[test]
fn a_table_below_a_mark_is_put_right_and_the_rest_is_left_alone() {
    let table = tables().into_iter().find(|table| table.name == "service").unwrap().markdown;
    let page = |table: &str| format!("Keys:\n\n{MARK}service -->\n{table}\nAnd so on.\n");
    let outdated = page("| key |\n|---|\n| `kimd` |\n");
    assert_eq!(with_tables(&outdated, Path::new("page.md")), page(&table));
    assert_eq!(with_tables(&page(""), Path::new("page.md")), page(&table));
}

/// What stands in a file for keys that must be there.
const REQUIRED: [(&str, &str); 6] = [
    ("port", "0"),
    ("poem", "\"poem\""),
    ("file", "\"poem.txt\""),
    ("path", "\"poetry.sock\""),
    ("upstream", "17"),
    ("to", "17"),
];

/// An application with one service `it` that has these lines, and a poem.
fn application(lines: &str) -> poetryd::service::Application {
    let poem = "[services.poem]\nkind = \"poem\"\nfile = \"poem.txt\"\n";
    let text = format!("{poem}\n[services.it]\n{lines}");
    config::parse("it.toml", &text, &registry(), |_| ()).unwrap_or_else(|e| panic!("{e}")).0
}

/// The lines of the keys that must be there.
fn required(keys: &[KeyInfo]) -> String {
    let names = keys.iter().filter(|key| key.required && key.key != "protocol");
    let line = |key: &KeyInfo| {
        let value = REQUIRED.iter().find(|(name, _)| *name == key.key);
        format!("{} = {}\n", key.key, value.unwrap_or_else(|| panic!("{}", key.key)).1)
    };
    names.map(line).collect()
}

/// The keys of every kind and of every protocol, with the lines of a service that has those which must be there.
fn all_keys() -> Vec<(Vec<KeyInfo>, String)> {
    let registry = registry();
    let mut all = Vec::new();
    for kind in registry.kinds().into_iter().filter(|kind| *kind != "group") {
        let keys = registry.keys_of_kind(kind).unwrap();
        let protocol = keys.iter().any(|key| key.key == "protocol");
        let protocol = if protocol { "protocol = \"transform\"\n" } else { "" };
        let lines = format!("kind = \"{kind}\"\n{protocol}{}", required(&keys));
        if kind == "status" {
            // It listens either on a port or on a Unix socket, and each of them has keys of its own.
            let (of_path, of_port) = keys.into_iter().partition(|key| key.key == "mode");
            all.push((of_path, format!("{lines}path = \"status.sock\"\n")));
            all.push((of_port, format!("{lines}port = 0\n")));
        } else {
            all.push((keys, lines));
        }
    }
    for protocol in registry.protocols() {
        let keys = registry.keys_of_protocol(protocol).unwrap();
        let kind = "kind = \"tcp\"\nport = 0\n";
        let lines = format!("{kind}protocol = \"{protocol}\"\n{}", required(&keys));
        all.push((keys, lines));
    }
    all
}

#[test]
fn the_defaults_of_keys_that_the_tables_show_are_the_defaults() {
    let mut shown = 0;
    for (keys, lines) in all_keys() {
        let unsaid = application(&lines);
        for (key, default) in keys.iter().filter_map(|key| Some((&key.key, key.default.as_ref()?)))
        {
            // Words that are no value say what is done.
            let is_number =
                default.parse::<f64>().is_ok() || ["true", "false"].contains(&&**default);
            let value =
                if is_number && key != "mode" { default.clone() } else { format!("{default:?}") };
            if default.contains(' ') {
                continue;
            }
            let said = application(&format!("{lines}{key} = {value}\n"));
            let (said, unsaid) = (
                said.services().settings("it").unwrap(),
                unsaid.services().settings("it").unwrap(),
            );
            assert!(said.same_as(&*unsaid), "shown {said:?}, but the defaults are {unsaid:?}");
            shown += 1;
        }
    }
    assert!(shown > 20, "only {shown} defaults are shown");
}

#[test]
fn every_key_says_what_it_does() {
    for (keys, lines) in all_keys() {
        for KeyInfo { key, value, help, .. } in keys {
            assert!(!help.is_empty() && !value.is_empty(), "{key} of\n{lines}");
        }
    }
    for table in tables() {
        let empty = table.markdown.lines().find(|row| row.split(" | ").nth(1) == Some(""));
        assert_eq!(empty.filter(|_| table.name != "log"), None, "in {}", table.name);
    }
}
