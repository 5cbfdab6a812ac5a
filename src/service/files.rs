//! File names as a service means them, seen from outside the place where it would run.

use std::path::{Path, PathBuf};

/// Where a service's files are while nothing has been started, and the process has neither entered its
/// directory nor its new root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    root: Option<PathBuf>,
    rundir: PathBuf,
}

impl Files {
    /// The files of services that would run in `rundir`, which is inside `root` if there is to be one.
    pub fn new(root: Option<PathBuf>, rundir: PathBuf) -> Self {
        Self { root, rundir }
    }

    /// The present name of the file that a service calls `name`.
    pub fn find(&self, name: &Path) -> PathBuf {
        let inside = self.rundir.join(name);
        match &self.root {
            Some(root) => root.join(inside.strip_prefix("/").unwrap_or(&inside)),
            None => inside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_inside_the_root() {
        let jail = Files::new(Some("/jail".into()), "/srv".into());
        assert_eq!(jail.find(Path::new("poem")), Path::new("/jail/srv/poem"));
        assert_eq!(jail.find(Path::new("/poem")), Path::new("/jail/poem"));
        let free = Files::new(None, "srv".into());
        assert_eq!(free.find(Path::new("poem")), Path::new("srv/poem"));
        assert_eq!(free.find(Path::new("/poem")), Path::new("/poem"));
    }
}
