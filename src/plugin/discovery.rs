//! Finds manifests.

use super::manifest::{Manifest, name_in_front};
use crate::config::{ConfigError, Registry};
use std::collections::HashSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The directories in which manifests are looked for. If two have the same name, the first one is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPath(Vec<PathBuf>);

/// A manifest that was found.
pub struct Found {
    /// The file.
    pub file: PathBuf,
    /// Its content, or what is wrong with it.
    pub manifest: Result<Manifest, ConfigError>,
}

impl SearchPath {
    /// The search path of a program: `$NAME_PLUGIN_PATH` (directories separated by colons),
    /// `config/plugins` under the rundir, `$XDG_CONFIG_HOME/NAME/plugins` (see the XDG Base Directory
    /// Specification), `/etc/NAME/plugins` and `/usr/share/NAME/plugins`.
    pub fn of(program: &str, rundir: &Path) -> Self {
        let variable = format!("{}_PLUGIN_PATH", program.to_uppercase().replace('-', "_"));
        let variable = env::var_os(variable).unwrap_or_default();
        let named = env::split_paths(&variable).filter(|path| !path.as_os_str().is_empty());
        let mut directories: Vec<PathBuf> = named.collect();
        directories.push(rundir.join("config/plugins"));
        let absolute =
            |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let user = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
        directories.extend(user.map(|user| user.join(program).join("plugins")));
        directories.push(Path::new("/etc").join(program).join("plugins"));
        directories.push(Path::new("/usr/share").join(program).join("plugins"));
        Self(directories)
    }

    /// All manifests, valid or not, in the order of the path and then of their file names. If several have the
    /// same name, only the first.
    pub fn all(&self, registry: &Arc<Registry>) -> Vec<Found> {
        let mut names = HashSet::new();
        let found =
            self.files().map(|file| Found { manifest: Manifest::load(&file, registry), file });
        found
            .filter(|found| match &found.manifest {
                Ok(manifest) => names.insert(manifest.name().to_owned()),
                Err(_) => true,
            })
            .collect()
    }

    /// The manifest with that name: the first without mistakes, or else the first. Of others, only the line with
    /// their name is read.
    pub fn find(&self, name: &str, registry: &Arc<Registry>) -> Option<Found> {
        let mut broken = None;
        for file in self.files().filter(|file| name_of(file).as_deref() == Some(name)) {
            let found = Found { manifest: Manifest::load(&file, registry), file };
            if found.manifest.is_ok() {
                return Some(found);
            }
            broken.get_or_insert(found);
        }
        broken
    }

    /// The names of all manifests that have one.
    pub fn names(&self) -> Vec<String> {
        self.files().filter_map(|file| name_of(&file)).collect()
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.0.iter().flat_map(|directory| {
            // Most of these directories do not exist.
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            let paths = entries.map(|entry| entry.path());
            let mut files: Vec<PathBuf> =
                paths.filter(|path| path.extension() == Some(OsStr::new("toml"))).collect();
            files.retain(|file| may_be_read(file));
            files.sort();
            files
        })
    }
}

/// Whether reading a file will end: not so for a FIFO that nobody writes to. A file that can't be read is
/// accepted here, so that it is reported.
fn may_be_read(file: &Path) -> bool {
    fs::metadata(file).map_or(true, |metadata| metadata.is_file() || metadata.is_dir())
}

/// The name of the manifest in a file, if it has one.
fn name_of(file: &Path) -> Option<String> {
    let bytes = fs::read(file).ok()?;
    name_in_front(&String::from_utf8_lossy(&bytes)).map(str::to_owned)
}
