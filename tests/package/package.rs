//! The package, and others that differ in their version.

use crate::machine::Machine;
use crate::support::{command, run, stderr, stdout};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// The scripts of the package.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// A package on this machine.
pub struct Package {
    file: PathBuf,
    /// Where it is, if it was made by a test.
    _place: Option<TempDir>,
}

impl Package {
    /// The one that `.ci/package` has built.
    ///
    /// # Panics
    /// If there is none, or one of other scripts than those in the repository.
    pub fn built() -> Self {
        let package = Self { file: built(), _place: None };
        let content = package.extracted();
        for script in SCRIPTS {
            let ours = fs::read(Path::new(REPOSITORY).join("systemd/debian").join(script)).unwrap();
            let its = fs::read(content.path().join("DEBIAN").join(script)).unwrap();
            let file = package.file.display();
            assert!(ours == its, "{file} has an older {script}: run .ci/package once more");
        }
        package
    }

    /// The same with another version.
    pub fn of_version(version: &str) -> Self {
        let content = Self::built().extracted();
        let control = content.path().join("DEBIAN/control");
        let text = fs::read_to_string(&control).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        let line = format!("Version: {version}");
        *lines.iter_mut().find(|line| line.starts_with("Version: ")).unwrap() = &line;
        fs::write(&control, lines.join("\n") + "\n").unwrap();
        let place = TempDir::new().unwrap();
        let file = place.path().join(format!("poetryd_{version}.deb"));
        let mut build = command("dpkg-deb");
        build.args(["--root-owner-group", "-Znone", "--build"]).arg(content.path()).arg(&file);
        let output = run(build);
        assert!(output.status.success(), "{}", stderr(&output));
        Self { file, _place: Some(place) }
    }

    /// What is in it.
    fn extracted(&self) -> TempDir {
        let place = TempDir::new().unwrap();
        let mut extract = command("dpkg-deb");
        let output = run({
            extract.arg("--raw-extract").arg(&self.file).arg(place.path());
            extract
        });
        assert!(output.status.success(), "{}", stderr(&output));
        place
    }

    /// Copies it to a machine, and returns the name that it has there.
    pub fn on(&self, machine: &Machine) -> String {
        let name = format!("/root/{}", self.file.file_name().unwrap().to_str().unwrap());
        machine.install(&self.file, &name, 0o644);
        name
    }
}

/// The file in the target directory, of this version and this machine's architecture.
fn built() -> PathBuf {
    let mut dpkg = command("dpkg");
    dpkg.arg("--print-architecture");
    let architecture = stdout(&run(dpkg));
    let name = format!("poetryd_{}-1_{}.deb", env!("CARGO_PKG_VERSION"), architecture.trim_end());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let file = target.join("debian").join(name);
    assert!(file.exists(), "there is no {}: run .ci/package first", file.display());
    file
}
