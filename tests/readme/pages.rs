//! README and the pages of the guide, and the blocks that they consist of.

#![allow(dead_code)] // each test program uses its own part

use std::fs;
use std::path::Path;

pub const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// A text that users read.
pub struct Page {
    /// `README`, or the name of the module in the guide.
    pub name: String,
    pub text: String,
}

/// What stands between two fences: lines that begin with three backquotes.
#[derive(Clone)]
pub struct Block {
    /// The first word behind the opening fence.
    pub language: String,
    /// The other words, which a reader of the rendered page does not see.
    pub attributes: Vec<String>,
    pub text: String,
    /// The number of the opening fence's line.
    pub line: usize,
    /// The last line with text before the block.
    pub introduction: String,
}

impl Block {
    pub fn is(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|other| other == attribute)
    }

    /// The value of an attribute `NAME:VALUE`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|other| other.strip_prefix(name)?.strip_prefix(':'))
    }
}

impl Page {
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut introduction = "";
        let mut lines = self.text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            let Some(words) = line.strip_prefix("```") else {
                if !line.is_empty() {
                    introduction = line;
                }
                continue;
            };
            let inside = lines.by_ref().map(|(line, _)| line).take_while(|line| *line != "```");
            let text = inside.flat_map(|line| [line, "\n"]).collect();
            let mut words = words.split_whitespace().map(str::to_owned);
            let language = words.next().unwrap_or_default();
            let (attributes, introduction) = (words.collect(), introduction.to_owned());
            blocks.push(Block { language, attributes, text, line: number, introduction });
        }
        blocks
    }

    /// The text without the blocks.
    pub fn prose(&self) -> String {
        let parts = self.text.split("\n```").step_by(2);
        parts.collect::<Vec<_>>().join("\n")
    }

    pub fn blocks_in(&self, language: &str) -> Vec<Block> {
        self.blocks().into_iter().filter(|block| block.language == language).collect()
    }
}

/// The page of this name.
pub fn page(name: &str) -> Page {
    let file = match name {
        "README" => "README.md".to_owned(),
        name => format!("src/guide/{name}.md"),
    };
    let text = fs::read_to_string(Path::new(REPOSITORY).join(&file));
    Page { name: name.into(), text: text.unwrap_or_else(|e| panic!("{file}: {e}")) }
}

/// All pages: README first, then the guide by name.
pub fn pages() -> Vec<Page> {
    let folder = fs::read_dir(Path::new(REPOSITORY).join("src/guide")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".md").map(str::to_owned)).collect();
    names.sort();
    names.insert(0, "README".into());
    names.iter().map(|name| page(name)).collect()
}
