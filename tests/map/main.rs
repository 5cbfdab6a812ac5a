//! The map of the modules in the documentation of `src/lib.rs` is true: no module uses another that the map
//! does not let it use. And no two files need each other, directly or by way of others.

mod modules;
mod paths;
mod tokens;

use modules::{Modules, Use, circle};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The map: what each module may use.
struct Map {
    arrows: BTreeMap<String, BTreeSet<String>>,
    /// What every module may use.
    for_all: BTreeSet<String>,
}

impl Map {
    /// Reads the rows `| module | what it is for | what it uses |` from the documentation of a file.
    fn read(source: &str) -> Self {
        let mut map = Self { arrows: BTreeMap::new(), for_all: BTreeSet::new() };
        for row in source.lines().filter_map(|line| line.strip_prefix("//! | ")) {
            let cells: Vec<&str> = row.trim_end_matches([' ', '|']).split(" | ").collect();
            let [modules, _, uses] = cells[..] else { continue };
            for module in modules.split('`').skip(1).step_by(2) {
                let module = module.to_lowercase();
                if uses.ends_with("; every module may use it") {
                    map.for_all.insert(module.clone());
                }
                let uses = uses.split(';').next().unwrap_or_default().split(", ");
                map.arrows.insert(module, uses.map(str::to_owned).collect());
            }
        }
        map
    }

    /// Why a use is not allowed.
    fn objection(&self, each: &Use) -> Option<String> {
        let (from, to) = (each.from.first()?, each.to.first()?);
        if from == to || self.for_all.contains(to) {
            return None;
        }
        let problem = match self.arrows.get(from) {
            Some(allowed) if allowed.contains(to) => return None,
            Some(_) => format!("the map has no arrow {from} -> {to}"),
            None => format!("{from} -> {to}, but the map has no row for {from}"),
        };
        Some(format!("{}:{}: {problem}", each.file, each.line))
    }
}

/// Rust files below a folder: their names, relative to it, and their texts. Without tests, and without some.
fn files(folder: &str, without: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            if without.contains(&&*name) || name.ends_with("tests") || name.ends_with("tests.rs") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") {
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

fn library() -> Modules {
    Modules::new("src", &files("src", &["main.rs", "bin"]))
}

fn assert_no_circle(uses: &BTreeSet<Use>) {
    let show = |each: &&Use| format!("{}:{}: uses {}", each.file, each.line, each.to.join("::"));
    let circle = circle(uses).unwrap_or_default();
    let shown: Vec<String> = circle.iter().map(show).collect();
    assert!(shown.is_empty(), "a circle of files:\n{}", shown.join("\n"));
}

fn map() -> Map {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    Map::read(&fs::read_to_string(lib).unwrap())
}

#[test]
fn the_modules_use_only_what_the_map_lets_them_use() {
    let map = map();
    let objections: Vec<String> =
        library().uses().iter().filter_map(|each| map.objection(each)).collect();
    assert!(objections.is_empty(), "\n{}", objections.join("\n"));
}

#[test]
fn every_module_has_a_row_in_the_map() {
    let map = map();
    let modules: BTreeSet<String> = files("src", &["main.rs", "bin", "lib.rs"])
        .iter()
        .map(|(name, _)| name.split(['/', '.']).next().unwrap().to_owned())
        .collect();
    assert_eq!(map.arrows.into_keys().collect::<BTreeSet<_>>(), modules);
}

#[test]
fn no_two_files_of_the_library_need_each_other() {
    assert_no_circle(&library().uses());
}

#[test]
fn no_two_files_of_get_poetry_need_each_other() {
    let folder = "src/bin/get-poetry";
    assert_no_circle(&Modules::new(folder, &files(folder, &[])).uses());
}

#[test]
fn an_arrow_that_the_map_does_not_have_is_named_with_its_place() {
    let map = Map::read(
        "//! | module | what it is for | uses |\n\
         //! |---|---|---|\n\
         //! | [`a`] | a | b |\n\
         //! | [`b`](b) | b | nothing |\n\
         //! | `c` | c | nothing; every module may use it |\n",
    );
    let files = [
        ("a.rs", "use crate::{b::B, c::C};"),
        ("b/mod.rs", "use crate::c;\nuse crate::a::A;"),
        ("c.rs", "fn c(d: crate::d::D) {}"),
        ("d.rs", "use crate::a;"),
    ];
    let modules = Modules::new("src", &files.map(|(name, text)| (name.into(), text.into())));
    let objections: Vec<String> =
        modules.uses().iter().filter_map(|each| map.objection(each)).collect();
    let expected = [
        "src/b/mod.rs:2: the map has no arrow b -> a",
        "src/c.rs:1: the map has no arrow c -> d",
        "src/d.rs:1: d -> a, but the map has no row for d",
    ];
    assert_eq!(objections, expected);
}
