//! Which file uses which.

use crate::paths::{Import, WrittenPath, paths};
use std::collections::{BTreeMap, BTreeSet};

/// The module of a file, from the crate's root: `["net", "accept"]`.
pub type Module = Vec<String>;

/// The files of a crate by their modules.
pub struct Modules {
    files: BTreeMap<Module, File>,
}

struct File {
    /// Its name, for messages.
    name: String,
    paths: Vec<WrittenPath>,
}

/// A file names something that is defined in another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    pub from: Module,
    pub to: Module,
    pub file: String,
    pub line: usize,
}

impl Modules {
    /// Takes the names of files, relative to the crate's root, and their texts.
    pub fn new(folder: &str, files: &[(String, String)]) -> Self {
        let files = files.iter().map(|(name, text)| {
            let file = File { name: format!("{folder}/{name}"), paths: paths(text) };
            (module_of(name), file)
        });
        Self { files: files.collect() }
    }

    /// All uses of one file by another. Passing a name on with `pub use` is none.
    pub fn uses(&self) -> BTreeSet<Use> {
        let mut uses = BTreeSet::new();
        for (from, file) in &self.files {
            let passed_on = |path: &&WrittenPath| matches!(path.import, Import::Public(_));
            for path in file.paths.iter().filter(|path| !passed_on(path)) {
                if let Some(to) = self.resolve(from, &path.names, 0).filter(|to| to != from) {
                    let (from, file) = (from.clone(), file.name.clone());
                    uses.insert(Use { from, to, file, line: path.line });
                }
            }
        }
        uses
    }

    /// The file that defines what a path means in a module. `None`: it is in another crate.
    fn resolve(&self, module: &Module, names: &[String], depth: usize) -> Option<Module> {
        let (first, rest) = names.split_first()?;
        let mut at = module.clone();
        let mut rest = rest;
        match &**first {
            "crate" => at.clear(),
            "self" => {}
            "super" => {
                at.pop()?;
                while let Some((_, behind)) =
                    rest.split_first().filter(|(name, _)| *name == "super")
                {
                    at.pop()?;
                    rest = behind;
                }
            }
            child => {
                at.push(child.to_owned());
                if !self.files.contains_key(&at) {
                    return None;
                }
            }
        }
        while let Some((name, behind)) = rest.split_first() {
            let inner: Module = at.iter().chain([name]).cloned().collect();
            if !self.files.contains_key(&inner) {
                return Some(self.definition(&at, name, depth).unwrap_or(at));
            }
            (at, rest) = (inner, behind);
        }
        Some(at)
    }

    /// The file that defines a name which a module has from elsewhere.
    fn definition(&self, module: &Module, name: &str, depth: usize) -> Option<Module> {
        let imported = |path: &&WrittenPath| match &path.import {
            Import::Private(as_name) | Import::Public(as_name) => as_name == name,
            Import::No => false,
        };
        let path = self.files.get(module)?.paths.iter().find(imported)?;
        if depth > 10 {
            return None;
        }
        self.resolve(module, &path.names, depth + 1)
    }
}

/// `net/mod.rs` is the module `net`, `net/accept.rs` is `net::accept`, and `lib.rs` or `main.rs` the root.
fn module_of(file: &str) -> Module {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let root = ["lib", "main"].contains(&path);
    path.split('/').filter(|_| !root).map(str::to_owned).collect()
}

/// A circle of files, if there is one: each uses the next, and the last the first.
pub fn circle(uses: &BTreeSet<Use>) -> Option<Vec<&Use>> {
    let mut by_module: BTreeMap<&Module, Vec<&Use>> = BTreeMap::new();
    for each in uses {
        by_module.entry(&each.from).or_default().push(each);
    }
    let mut finished = BTreeSet::new();
    by_module.keys().find_map(|start| follow(start, &by_module, &mut Vec::new(), &mut finished))
}

fn follow<'a>(
    module: &'a Module,
    by_module: &BTreeMap<&Module, Vec<&'a Use>>,
    trail: &mut Vec<&'a Use>,
    finished: &mut BTreeSet<&'a Module>,
) -> Option<Vec<&'a Use>> {
    if let Some(start) = trail.iter().position(|passed| passed.from == *module) {
        return Some(trail[start..].to_vec());
    }
    if finished.contains(module) {
        return None;
    }
    for next in by_module.get(module).into_iter().flatten() {
        trail.push(next);
        let found = follow(&next.to, by_module, trail, finished);
        if found.is_some() {
            return found;
        }
        trail.pop();
    }
    finished.insert(module);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(files: &[(&str, &str)]) -> Modules {
        let owned = |(name, text): &(&str, &str)| (name.to_string(), text.to_string());
        Modules::new("src", &files.iter().map(owned).collect::<Vec<_>>())
    }

    fn shown(modules: &Modules) -> Vec<String> {
        let show = |each: &Use| {
            format!(
                "{}:{} {} -> {}",
                each.file,
                each.line,
                each.from.join("::"),
                each.to.join("::")
            )
        };
        modules.uses().iter().map(show).collect()
    }

    #[test]
    fn a_name_is_found_where_it_is_defined() {
        let modules = modules(&[
            ("lib.rs", "pub mod a; pub mod b;"),
            ("a/mod.rs", "mod c; pub use c::{C, D as E};"),
            ("a/c.rs", "pub struct C; pub struct D;"),
            (
                "b.rs",
                "use crate::a::C;\nfn b() { crate::a::E::new(); crate::a::other(); std::fs::read() }",
            ),
        ]);
        assert_eq!(
            shown(&modules),
            ["src/b.rs:2 b -> a", "src/b.rs:1 b -> a::c", "src/b.rs:2 b -> a::c"]
        );
    }

    #[test]
    fn names_of_parents_and_children_are_found() {
        let modules = modules(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b; mod c; struct A;\nfn a() { b::f() }"),
            ("a/b.rs", "use super::c::C;"),
            ("a/c.rs", "use super::{A, b};"),
        ]);
        let expected = [
            "src/a/mod.rs:2 a -> a::b",
            "src/a/b.rs:1 a::b -> a::c",
            "src/a/c.rs:1 a::c -> a",
            "src/a/c.rs:1 a::c -> a::b",
        ];
        assert_eq!(shown(&modules), expected);
    }

    #[test]
    fn a_circle_is_found_with_its_places() {
        let modules = modules(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "\nuse crate::c::C;"),
            ("c.rs", "use crate::b::B;"),
        ]);
        let uses = modules.uses();
        let circle = circle(&uses).unwrap();
        let places: Vec<String> =
            circle.iter().map(|each| format!("{}:{}", each.file, each.line)).collect();
        assert_eq!(places, ["src/b.rs:2", "src/c.rs:1"]);
    }
}
