//! The options of get-poetry. The program poetryd uses this file, too: it prints the manual page of both.

use clap::Parser;
use poetryd::config::read::{duration, parse_size};
use poetryd::poetry::fetch::Address;
use std::path::PathBuf;
use std::time::Duration;

/// Fetches poems from many servers at the same time and prints them in the order asked for
#[derive(Parser)]
#[command(
    name = "get-poetry",
    version,
    max_term_width = 100,
    override_usage = "get-poetry [OPTIONS] [--first | --fail-fast] ADDR...",
    after_help = "ADDR is [HOST:]PORT, such as 10000, example.org:10000 or [::1]:10000. A server that is named\n\
                  twice is asked twice.\n\
                  Poems are printed byte for byte. If one does not end in a newline, the next one still\n\
                  starts on a new line.\n\
                  A JSON object has address, ok, bytes, seconds, transformed, poem (a string, or an array of\n\
                  bytes if it is not UTF-8), error (why there is no poem, or why it was not transformed), and\n\
                  with --output-dir file instead of a poem.\n\
                  Exit status: 0 every poem was fetched (with --first: one of them), transformed or not; 1 one\n\
                  was not, or could not be written; 2 wrong command line."
)]
pub struct CommandLine {
    /// The servers
    #[arg(required = true, value_name = "ADDR")]
    pub addresses: Vec<Address>,
    /// Print the first poem that arrives, and abandon the others
    #[arg(long, conflicts_with = "fail_fast")]
    pub first: bool,
    /// Stop at the first failure: print what has arrived by then, and abandon the others
    #[arg(long)]
    pub fail_fast: bool,
    /// Print poems as they arrive
    #[arg(long)]
    pub unordered: bool,
    /// Print nothing until every server has succeeded or failed
    #[arg(long, conflicts_with = "first")]
    pub collect: bool,
    /// Send each poem through the transform server at ADDR; if that fails, print it as it was fetched
    #[arg(long, value_name = "ADDR")]
    pub transform: Option<Address>,
    /// The transform
    #[arg(long, value_name = "NAME", requires = "transform", default_value = "cummingsify")]
    #[arg(value_parser = transform_name)]
    pub transform_name: String,
    /// How long a server may take to connect, or send nothing [default: 10 and 30]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// How long everything together may take; what has arrived by then is printed, the rest is abandoned
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub max_time: Option<Duration>,
    /// How often to try again, after a pause that grows from 0.2 to 5 seconds
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retries: u32,
    /// The longest poem, such as 64kB or 1GiB [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_length: Option<usize>,
    /// Write each poem to a file in DIR, such as localhost-10000.txt, instead of standard output
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Print a JSON object for each server, each on a line
    #[arg(long)]
    pub json: bool,
    /// Report only failures
    #[arg(short, long)]
    pub quiet: bool,
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(duration).filter(|seconds| !seconds.is_zero());
    seconds.ok_or("expected a number of seconds above 0, such as 30 or 0.5")
}

fn size(text: &str) -> Result<usize, &'static str> {
    // No block of memory is longer than isize::MAX bytes.
    let size = parse_size(text).and_then(|size| isize::try_from(size).ok());
    let size = size.filter(|size| *size > 0).and_then(|size| usize::try_from(size).ok());
    size.ok_or("expected a size above 0, such as 65536, 64kB or 1MB")
}

/// A request is `NAME.POEM`, so a name can't have a dot.
fn transform_name(text: &str) -> Result<String, &'static str> {
    let is_name = !text.is_empty() && !text.contains('.');
    if is_name { Ok(text.into()) } else { Err("expected a name, without dots") }
}
