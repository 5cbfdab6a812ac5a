//! What a poem costs a server, in processor time: poetryd compared with others that serve the same poem, and
//! poetryd with two workers compared with one.
//!
//!     cargo bench --bench side_by_side [-- --plot FILE]
//!
//! nginx with its stream module, twistd and a C compiler are looked for in PATH, twistd also in $TWISTD.
//! Programs that are not found are left out. FILE is a bar chart of the first table, in SVG; a relative name
//! is relative to the package. No other program should be busy meanwhile, which is why the load average is
//! printed.

#[path = "../arena/mod.rs"]
mod arena;
mod floor;
mod load;
mod peers;
mod plot;
mod rounds;
mod subject;
mod table;
mod workers;

use arena::cores::Cores;
use arena::figures::{load_average, machine};
use arena::processes::Children;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Nothing here should take this long.
const LIMIT: Duration = Duration::from_secs(170);

/// poetryd keeps only ten rotated files by default. Here all lines are counted at the end.
const KEEP_ALL: &str = "[log]\nkeep = 1000";

fn main() {
    // `cargo test --all-targets` starts this program, too, but should not wait for it.
    if !std::env::args().any(|arg| arg == "--bench") {
        return println!("a benchmark: cargo bench --bench side_by_side [-- --plot FILE]");
    }
    let plot = wanted_plot();
    let _children = Children::adopt();
    let deadline = Instant::now() + LIMIT;
    println!("{}", machine());
    let cores = Cores::find();
    println!("{}", cores.describe());
    let figures = peers::side_by_side(&cores, deadline);
    println!();
    workers::one_and_two(&cores, deadline);
    println!("\nload average afterwards: {}", load_average());
    if let Some(file) = plot {
        std::fs::write(&file, plot::bars(&figures, &cores.describe())).unwrap();
        println!("plot: {}", file.display());
    }
}

/// The name after `--plot`.
fn wanted_plot() -> Option<PathBuf> {
    let mut arguments = std::env::args_os().skip_while(|arg| arg != "--plot");
    arguments.next()?;
    let file = arguments.next().filter(|name| !name.to_string_lossy().starts_with('-'));
    Some(file.expect("--plot needs the name of a file").into())
}
