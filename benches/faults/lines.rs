//! The log: which clients have a line in it, over all its files.

use crate::client::number_of;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The content of a log.
pub struct Lines {
    /// How many lines each client has about its poem, by its number.
    pub of_clients: Vec<u8>,
    pub panics: usize,
    pub files: usize,
    pub total: usize,
    /// The sum of the lines that the daemon reports as lost.
    pub reported_lost: usize,
}

/// The log file and those that it was rotated to.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let is_log = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("poetryd.log"))
    };
    entries.filter(is_log).collect()
}

pub fn count(directory: &Path, clients: usize) -> Lines {
    let files = files(directory);
    let mut counts = vec![0_u8; clients];
    let (mut panics, mut total, mut reported_lost) = (0, 0, 0);
    for file in &files {
        for line in BufReader::new(File::open(file).unwrap()).split(b'\n') {
            let line = String::from_utf8_lossy(&line.unwrap()).into_owned();
            total += 1;
            if let Some(number) = client_in(&line).filter(|number| *number < clients) {
                counts[number] = counts[number].saturating_add(1);
            }
            if line.contains("panic") {
                eprintln!("{line}");
                panics += 1;
            }
            reported_lost += lost_in(&line);
        }
    }
    Lines { of_clients: counts, panics, files: files.len(), total, reported_lost }
}

/// The client that a poem was sent to.
fn client_in(line: &str) -> Option<usize> {
    let (_, peer) = line.split_once("] sending 3003 bytes of poetry to ")?;
    number_of(peer.split(':').next()?.parse().ok()?)
}

fn lost_in(line: &str) -> usize {
    let Some((before, _)) = line.split_once(" log lines were lost") else { return 0 };
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
