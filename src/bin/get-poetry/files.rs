//! Poems in files, which appear whole or not at all.

use poetryd::poetry::fetch::Address;
use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A directory with a file for each server.
pub struct Directory {
    path: PathBuf,
    names: Vec<String>,
}

impl Directory {
    /// Creates the directory if it does not exist.
    pub fn new(path: &Path, addresses: &[Address]) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self { path: path.into(), names: names(addresses) })
    }

    /// The file for the poem of the server with this index.
    pub fn file(&self, index: usize) -> PathBuf {
        self.path.join(&self.names[index])
    }

    /// Writes a poem to a temporary file in the same directory, which then replaces the file with its name.
    pub fn save(&self, index: usize, poem: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".get-poetry-")
            .permissions(Permissions::from_mode(0o666)) // less the umask
            .tempfile_in(&self.path)?;
        file.write_all(poem)?;
        file.as_file().sync_all()?;
        file.persist(self.file(index))?;
        Ok(())
    }
}

/// A file name for each address. Names that would be equal are numbered.
fn names(addresses: &[Address]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut name = |address: &Address| {
        let base = base_name(&address.to_string());
        let numbered = (2..).map(|n| format!("{base}-{n}.txt"));
        let mut candidates = std::iter::once(format!("{base}.txt")).chain(numbered);
        candidates.find(|name| taken.insert(name.clone())).expect("numbers without end")
    };
    addresses.iter().map(&mut name).collect()
}

/// `HOST:PORT` as `HOST-PORT`, without characters that have a meaning in a path or for a shell.
fn base_name(address: &str) -> String {
    let (host, port) = address.rsplit_once(':').unwrap_or(("", address));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let plain = |c: char| if c.is_alphanumeric() || "-._".contains(c) { c } else { '_' };
    let host: String = host.chars().map(plain).collect();
    // It must be neither hidden nor look like an option.
    let host = host.replacen(['.', '-'], "_", usize::from(host.starts_with(['.', '-'])));
    format!("{host}-{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(addresses: &[&str]) -> Vec<String> {
        names(&addresses.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn a_file_is_named_after_its_server() {
        let names = names_of(&["10000", "example.org:17", "[::1]:17", "bücher.example:17"]);
        let expected =
            ["localhost-10000.txt", "example.org-17.txt", "__1-17.txt", "bücher.example-17.txt"];
        assert_eq!(names, expected);
    }

    #[test]
    fn no_name_leads_out_of_the_directory_or_is_hidden_or_an_option() {
        let names =
            names_of(&["../../etc/x:1", "/etc/x:1", ".x:1", "-x:1", "..:1", "$x\u{1b};*:1"]);
        let expected = [
            "_._.._etc_x-1.txt",
            "_etc_x-1.txt",
            "_x-1.txt",
            "_x-1-2.txt",
            "_.-1.txt",
            "_x___-1.txt",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn no_two_servers_share_a_file() {
        let names = names_of(&["1", "1", "localhost-1:2", "1", "a/b:1", "a_b:1"]);
        let expected = [
            "localhost-1.txt",
            "localhost-1-2.txt",
            "localhost-1-2-2.txt",
            "localhost-1-3.txt",
            "a_b-1.txt",
            "a_b-1-2.txt",
        ];
        assert_eq!(names, expected);
    }
}
