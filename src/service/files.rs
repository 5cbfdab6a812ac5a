//! The file names of a service, as seen from outside the directory or root where it would run.

use std::path::{Path, PathBuf};

/// Finds a service's files while nothing has been started, and the process has entered neither its directory nor
/// its new root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    root: Option<PathBuf>,
    rundir: PathBuf,
}

impl Files {
    /// The files of services that would run in `rundir`, which is inside `root` if there will be one.
    pub fn new(root: Option<PathBuf>, rundir: PathBuf) -> Self {
        Self { root, rundir }
    }

    /// The current path of the file that a service would name `name`.
    pub fn find(&self, name: &Path) -> PathBuf {
        let inside = self.rundir.join(name);
        match &self.root {
            Some(root) => root.join(inside.strip_prefix("/").unwrap_or(&inside)),
            None => inside,
        }
    }
}

#[cfg(test)]
mod tests;
