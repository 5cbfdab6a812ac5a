//! How poetryd scales: with the size of a poem, the number of services and the number of connections; and what
//! forwarding costs.
//!
//!     cargo bench --bench scale [-- PART...]
//!
//! nginx and socat, which serve the same large poems, and nginx and HAProxy, which forward, are looked for in
//! PATH. Programs that are not found are left out. The benchmark needs 4 GB of memory, 1.1 GB in the directory
//! for temporary files and 1,100 descriptors. With fewer than 20,250 descriptors (ulimit -Hn), it opens as many
//! connections as it can. No other program should be busy meanwhile, which is why the load average is printed.

mod applications;
#[path = "../arena/mod.rs"]
mod arena;
mod connections;
mod datagrams;
mod forwarding;
mod held;
mod large_poems;
mod memory_after;
mod networks;
mod readers;
mod rivals;
mod servers;
mod streams;
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
    let parts: [(&str, fn()); 6] = [
        ("large_poems", large_poems::throughput),
        ("applications", applications::growth),
        ("connections", connections::growth),
        ("memory_after", memory_after::measure),
        ("forwarding", forwarding::forwarding),
        ("datagrams", datagrams::cost),
    ];
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    for name in &named {
        assert!(parts.iter().any(|(part, _)| part == name), "there is no part {name:?}");
    }
    for (name, measure) in parts {
        if named.is_empty() || named.iter().any(|part| part == name) {
            measure();
            println!();
        }
    }
    println!("load average afterwards: {}", figures::load_average());
}
