//! poetryd compared with others that serve the same poem: what a poem costs them in processor time, and how
//! many they serve and how fast, with few clients at a time and with many.
//!
//!     cargo bench --bench side_by_side [-- [--rounds NUMBER] [--only PART] [--plot FILE]]
//!
//! PART is `cpu`, the first table, or one of 1, 64, 512 and 4096, the number of clients of another one. FILE is
//! a bar chart of the first table, in SVG; a relative name is relative to the package.
//!
//! nginx with its stream module, twistd, a C compiler and Go are looked for in PATH, twistd also in $TWISTD.
//! Programs that are not found are left out. 4,096 clients need 9,000 descriptors (ulimit -Hn) and, as the
//! others, half a GB in the directory for temporary files. No other program should be busy meanwhile, which is
//! why the load average is printed.

#[path = "../arena/mod.rs"]
mod arena;
mod arguments;
mod client;
mod crowds;
mod floor;
mod golang;
mod load;
mod markdown;
mod peers;
mod plain_tokio;
mod plot;
mod rivals;
mod rounds;
mod subject;
mod table;

use arena::cores::Cores;
use arena::figures::{congestion_control, load_average, machine};
use arena::processes::Children;
use arguments::Arguments;

/// poetryd keeps only ten rotated files by default. Here all lines are counted at the end.
const KEEP_ALL: &str = "[log]\nkeep = 1000";

fn main() {
    plain_tokio::serve_if_told();
    // `cargo test --all-targets` starts this program, too, but should not wait for it.
    if !std::env::args().any(|arg| arg == "--bench") {
        return println!("a benchmark: {}", arguments::USAGE);
    }
    let arguments = Arguments::read();
    let _children = Children::adopt();
    println!("{}\n{}", machine(), congestion_control());
    rivals::print_versions();
    let cores = Cores::find();
    if arguments.include("cpu") {
        let figures = peers::side_by_side(&cores, arguments.rounds.unwrap_or(rounds::OF_CPU));
        if let Some(file) = &arguments.plot {
            std::fs::write(file, plot::bars(&figures, &cores.describe())).unwrap();
            println!("plot: {}", file.display());
        }
    }
    for clients in crowds::CLIENTS {
        if arguments.include(&clients.to_string()) {
            crowds::serve(clients, &cores, arguments.rounds.unwrap_or(rounds::OF_CROWDS));
        }
    }
    println!("\nload average afterwards: {}", load_average());
}
