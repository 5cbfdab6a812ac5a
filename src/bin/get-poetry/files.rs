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
mod tests;
