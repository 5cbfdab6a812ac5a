//! The arguments of this benchmark.

use std::ffi::OsString;
use std::path::PathBuf;

pub const USAGE: &str =
    "cargo bench --bench side_by_side [-- [--rounds NUMBER] [--only PART] [--plot FILE]]";

/// The processor time with one core for each side, and the numbers of clients on all cores.
const PARTS: [&str; 5] = ["cpu", "1", "64", "512", "4096"];

#[derive(Default)]
pub struct Arguments {
    /// How many rounds there are of everything.
    pub rounds: Option<usize>,
    /// One of [`PARTS`].
    only: Option<String>,
    /// Where the bar chart of the first table is to be written.
    pub plot: Option<PathBuf>,
}

impl Arguments {
    /// # Panics
    /// If they are not understood.
    pub fn read() -> Self {
        let mut read = Self::default();
        let mut all = std::env::args_os().skip(1);
        while let Some(option) = all.next() {
            match option.to_str() {
                Some("--rounds") => read.rounds = Some(number(all.next())),
                Some("--only") => read.only = Some(part(all.next())),
                Some("--plot") => read.plot = Some(all.next().expect("the name of a file").into()),
                Some("--bench") => {}
                _ => panic!("{} is unknown here: {USAGE}", option.display()),
            }
        }
        read
    }

    /// Whether this part is to be measured.
    pub fn include(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

fn number(value: Option<OsString>) -> usize {
    text(value).parse().ok().filter(|number| *number > 0).expect("--rounds needs a number from 1")
}

fn part(value: Option<OsString>) -> String {
    let part = text(value);
    assert!(PARTS.contains(&&*part), "{part} is none of {}", PARTS.join(", "));
    part
}

fn text(value: Option<OsString>) -> String {
    value.and_then(|value| value.into_string().ok()).expect("an option needs a value")
}
