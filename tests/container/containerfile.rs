//! What config/Containerfile says.

use std::fs;
use std::path::{Path, PathBuf};

pub const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// Where it expects the program.
const BUILT: &str = "target/x86_64-unknown-linux-musl/release/";

/// The instructions of a Containerfile, as far as config/Containerfile uses them.
pub struct Containerfile {
    /// What is copied, and where to: a directory if it ends in a slash, else a file.
    pub copied: Vec<(Copied, String)>,
    pub workdir: String,
    /// A user and a group, both numbers.
    pub user: (u32, u32),
    pub port: u16,
    pub stop_signal: String,
    pub entrypoint: Vec<String>,
}

pub enum Copied {
    /// A program that has been built, by name.
    Program(String),
    /// A file of the repository.
    File(PathBuf),
}

impl Copied {
    pub fn name(&self) -> &str {
        match self {
            Copied::Program(name) => name,
            Copied::File(file) => file.file_name().unwrap().to_str().unwrap(),
        }
    }
}

/// The text of config/Containerfile.
pub fn text() -> String {
    fs::read_to_string(Path::new(REPOSITORY).join("config/Containerfile")).unwrap()
}

impl Containerfile {
    /// Reads config/Containerfile, and panics at whatever this doesn't know.
    pub fn read() -> Self {
        let text = text();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut instructions = lines.map(|line| line.split_once(' ').unwrap());
        assert_eq!(instructions.next(), Some(("FROM", "scratch")), "nothing else is in it");
        let mut read = Self {
            copied: Vec::new(),
            workdir: "/".into(),
            user: (0, 0),
            port: 0,
            stop_signal: "SIGTERM".into(),
            entrypoint: Vec::new(),
        };
        for (instruction, value) in instructions {
            match instruction {
                "COPY" => {
                    let (from, to) = value.split_once(' ').unwrap();
                    read.copied.push((copied(from), to.into()));
                }
                "WORKDIR" => read.workdir = value.into(),
                "USER" => {
                    let (user, group) = value.split_once(':').unwrap();
                    read.user = (user.parse().unwrap(), group.parse().unwrap());
                }
                "EXPOSE" => read.port = value.parse().unwrap(),
                "STOPSIGNAL" => read.stop_signal = value.into(),
                "ENTRYPOINT" => read.entrypoint = serde_json::from_str(value).unwrap(),
                _ => panic!("the tests don't know {instruction}"),
            }
        }
        read
    }
}

fn copied(from: &str) -> Copied {
    match from.strip_prefix(BUILT) {
        Some(name) => Copied::Program(name.into()),
        None => Copied::File(Path::new(REPOSITORY).join(from)),
    }
}
