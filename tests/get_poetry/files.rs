//! `--output-dir`.

use crate::servers::{Down, Server, resetting, silent, up};
use crate::support::{ECSTASY, command, run, stderr};
use crate::{assert_poems, assert_status, client, get};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory, with `poems` in it once the client has made it.
struct Poems(TempDir);

impl Poems {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("poems")
    }

    fn option(&self) -> String {
        format!("--output-dir '{}'", self.path().display())
    }

    /// Where the poem of a server goes.
    fn file(&self, server: &Server) -> PathBuf {
        self.path().join(format!("127.0.0.1-{}.txt", server.address.port()))
    }
}

/// The names of all files, hidden ones too.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn each_poem_gets_its_own_file_and_nothing_is_printed() {
    let (poems, one, other, down) = (Poems::new(), up(ECSTASY), up(b"\xffother"), Down::new());
    let output = get(&format!("{} {one} {down} {other} {one}", poems.option()));
    assert_poems(&output, &[]);
    assert_status(&output, 1);
    assert_eq!(fs::read(poems.file(&one)).unwrap(), ECSTASY);
    assert_eq!(fs::read(poems.file(&other)).unwrap(), b"\xffother");
    let again = poems.file(&one).to_str().unwrap().replace(".txt", "-2.txt");
    assert_eq!(fs::read(again).unwrap(), ECSTASY);
    assert_eq!(names(&poems.path()).len(), 3, "{:?}", names(&poems.path()));
}

#[test]
fn a_file_is_replaced_not_overwritten() {
    let (poems, server) = (Poems::new(), up(b"new\n"));
    fs::create_dir(poems.path()).unwrap();
    fs::write(poems.file(&server), "old\n").unwrap();
    let mut open = File::open(poems.file(&server)).unwrap();
    assert_status(&get(&format!("{} {server}", poems.option())), 0);
    let mut read = String::new();
    open.read_to_string(&mut read).unwrap();
    assert_eq!(read, "old\n", "a reader saw the file change");
    assert_eq!(fs::read_to_string(poems.file(&server)).unwrap(), "new\n");
}

#[test]
fn a_poem_that_does_not_come_whole_leaves_its_old_file_alone() {
    let (poems, resetting, silent) = (Poems::new(), resetting(ECSTASY), silent());
    fs::create_dir(poems.path()).unwrap();
    fs::write(poems.file(&resetting), "old\n").unwrap();
    let output = get(&format!("{} --timeout 0.2 {resetting} {silent}", poems.option()));
    assert_status(&output, 1);
    assert_eq!(fs::read_to_string(poems.file(&resetting)).unwrap(), "old\n");
    assert_eq!(names(&poems.path()).len(), 1, "{:?}", names(&poems.path()));
}

#[test]
fn files_have_the_permissions_that_the_umask_leaves() {
    let (poems, server) = (Poems::new(), up(b"poem\n"));
    let mut command = command("sh");
    let script = format!("umask 027; exec \"$0\" {} {server}", poems.option());
    command.args(["-c", &script]).arg(client("").get_program());
    assert_status(&run(command), 0);
    let mode = fs::metadata(poems.file(&server)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "{mode:o}");
}

#[test]
fn a_file_that_cant_be_written_is_reported_and_hinders_no_other() {
    let (poems, one, other) = (Poems::new(), up(b"one\n"), up(b"other\n"));
    fs::create_dir_all(poems.file(&one).join("in the way")).unwrap();
    let output = get(&format!("{} {one} {other}", poems.option()));
    let reason = format!("get-poetry: can't write {}: Is a directory", poems.file(&one).display());
    assert!(stderr(&output).contains(&reason), "{}", stderr(&output));
    assert_status(&output, 1);
    assert_eq!(fs::read(poems.file(&other)).unwrap(), b"other\n");
    assert_eq!(names(&poems.path()).len(), 2, "{:?}", names(&poems.path()));
}

#[test]
fn the_first_poem_alone_is_written_where_one_is_enough() {
    let (poems, silent, up) = (Poems::new(), silent(), up(b"poem\n"));
    let options = format!("{} --first --timeout 600", poems.option());
    assert_status(&get(&format!("{options} {silent} {up}")), 0);
    assert_eq!(fs::read(poems.file(&up)).unwrap(), b"poem\n");
    assert_eq!(names(&poems.path()).len(), 1, "{:?}", names(&poems.path()));
}

#[test]
fn without_its_directory_nobody_is_asked() {
    let (poems, server) = (Poems::new(), up(b"poem\n"));
    fs::write(poems.path(), "a file").unwrap();
    let output = get(&format!("{} {server}", poems.option()));
    let reason = format!("get-poetry: can't create the directory {}: ", poems.path().display());
    assert!(stderr(&output).starts_with(&reason), "{}", stderr(&output));
    assert_status(&output, 1);
    assert_eq!(server.connections(), 0);
}
