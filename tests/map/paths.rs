//! The paths that a file names.

use crate::tokens::{Token, tokens};

/// A path as it is written, such as `super::files::Files`.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenPath {
    pub names: Vec<String>,
    pub line: usize,
    pub import: Import,
}

/// What a path is there for.
#[derive(Clone, Debug, PartialEq)]
pub enum Import {
    /// It stands in an expression or a type.
    No,
    /// `use`: the name that it has in this file.
    Private(String),
    /// `pub use`, of any extent: the name under which others find it here.
    Public(String),
}

/// All paths of a file, in order; those in braces one by one.
pub fn paths(source: &str) -> Vec<WrittenPath> {
    let tokens = tokens(source);
    let mut paths = Vec::new();
    let mut public = false;
    let mut at = 0;
    while at < tokens.len() {
        let before = at.checked_sub(1).map_or("", |before| &tokens[before].text);
        let start = at;
        match &*tokens[at].text {
            ";" | "{" | "}" => public = false,
            "pub" => public = true,
            "use" => {
                at += 1;
                at = read_import(&tokens, at, Vec::new(), public, &mut paths);
            }
            // The rest of a path, or a method or field.
            word if is_word(word) && !["::", "."].contains(&before) => {
                let names = read_names(&tokens, &mut at);
                if names.len() > 1 {
                    paths.push(WrittenPath { names, line: tokens[start].line, import: Import::No });
                }
            }
            _ => {}
        }
        at = at.max(start + 1);
    }
    paths
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn text_at(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| &token.text)
}

/// Reads `a::b::c`, and leaves `at` behind it.
fn read_names(tokens: &[Token], at: &mut usize) -> Vec<String> {
    let mut names = Vec::new();
    while is_word(text_at(tokens, *at)) {
        names.push(tokens[*at].text.clone());
        *at += 1;
        if text_at(tokens, *at) != "::" {
            break;
        }
        *at += 1;
    }
    names
}

/// Reads what stands after `use`, or a part of it within braces. Returns where it ends.
fn read_import(
    tokens: &[Token],
    mut at: usize,
    prefix: Vec<String>,
    public: bool,
    paths: &mut Vec<WrittenPath>,
) -> usize {
    if text_at(tokens, at) == "::" {
        at += 1;
    }
    let line = tokens.get(at).map_or(0, |token| token.line);
    let names = [prefix, read_names(tokens, &mut at)].concat();
    if text_at(tokens, at) == "{" {
        at += 1;
        while !["}", ""].contains(&text_at(tokens, at)) {
            at = read_import(tokens, at, names.clone(), public, paths);
            if text_at(tokens, at) == "," {
                at += 1;
            }
        }
        return at + 1;
    }
    let mut names = names;
    if names.last().is_some_and(|name| name == "self") {
        names.pop();
    }
    let mut name = names.last().cloned().unwrap_or_default();
    if text_at(tokens, at) == "*" {
        name = "*".into();
        at += 1;
    } else if text_at(tokens, at) == "as" {
        name = text_at(tokens, at + 1).to_owned();
        at += 2;
    }
    let import = if public { Import::Public(name) } else { Import::Private(name) };
    paths.push(WrittenPath { names, line, import });
    at
}

#[test]
fn imports_are_taken_apart() {
    let source = "use a::{b::{self, C as D}, e::*};\npub(crate) use super::f;\n";
    let found = paths(source);
    let path = |names: &str, line, import| WrittenPath {
        names: names.split("::").map(str::to_owned).collect(),
        line,
        import,
    };
    let expected = [
        path("a::b", 1, Import::Private("b".into())),
        path("a::b::C", 1, Import::Private("D".into())),
        path("a::e", 1, Import::Private("*".into())),
        path("super::f", 2, Import::Public("f".into())),
    ];
    assert_eq!(found, expected);
}

#[test]
fn paths_in_code_are_found() {
    let source = "fn a(b: &crate::c::D) -> e { f.g::<h::I>(); pub_use::j() }";
    let found: Vec<String> = paths(source).iter().map(|path| path.names.join("::")).collect();
    assert_eq!(found, ["crate::c::D", "h::I", "pub_use::j"]);
}
