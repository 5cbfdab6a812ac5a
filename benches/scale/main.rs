//! How poetryd scales: with the size of a poem, the number of services and the number of connections.
//!
//!     cargo bench --bench scale
//!
//! nginx and socat, which serve the same large poems, are looked for in PATH. Programs that are not found are
//! left out. The benchmark needs 4 GB of memory, 1.1 GB in the directory for temporary files and 1,100
//! descriptors. With fewer than 20,250 descriptors (ulimit -Hn), it opens as many connections as it can. No
//! other program should be busy meanwhile, which is why the load average is printed.

mod applications;
#[path = "../arena/mod.rs"]
mod arena;
mod connections;
mod held;
mod large_poems;
mod networks;
mod readers;
mod servers;
mod weights;

use arena::figures::{self, machine};
use arena::processes::Children;

fn main() {
    // `cargo test --all-targets` starts this program, too, but should not wait for it.
    if !std::env::args().any(|arg| arg == "--bench") {
        return println!("a benchmark: cargo bench --bench scale");
    }
    let _children = Children::adopt();
    println!("{}", machine());
    println!();
    large_poems::throughput();
    println!();
    applications::growth();
    println!();
    connections::growth();
    println!("\nload average afterwards: {}", figures::load_average());
}
