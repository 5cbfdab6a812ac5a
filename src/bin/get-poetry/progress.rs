//! What is said on standard error: a moving line per server on a terminal, plain lines elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use poetryd::poetry::fetch::{Address, FetchError};
use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// How often a moving line moves though nothing has happened, so that its rate sinks.
const TICK: Duration = Duration::from_millis(200);

/// The state of a server that has said nothing yet.
const WAITING: &str = "waiting";

/// Standard error.
pub struct Progress {
    /// Draws nothing where standard error is not a terminal.
    screen: MultiProgress,
    bars: RefCell<Vec<ProgressBar>>,
    quiet: bool,
}

/// What is said of one server. Its moving line disappears with it.
pub struct Line<'a> {
    progress: &'a Progress,
    address: &'a Address,
    bar: ProgressBar,
}

impl Progress {
    pub fn new(quiet: bool) -> Self {
        let target = match quiet {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let screen = MultiProgress::with_draw_target(target);
        Self { screen, bars: RefCell::default(), quiet }
    }

    /// Whether moving lines and poems appear on a terminal together.
    pub fn shares_terminal(&self) -> bool {
        !self.screen.is_hidden() && io::stdout().is_terminal()
    }

    pub fn line<'a>(&'a self, address: &'a Address) -> Line<'a> {
        let bar = self.screen.add(ProgressBar::no_length());
        let template = "{prefix}  {pos:>9} bytes  {decimal_bytes_per_sec:>12}  {wide_msg}";
        let style = ProgressStyle::with_template(template).expect("a template");
        bar.set_style(style);
        bar.set_prefix(address.to_string());
        bar.set_message(WAITING);
        self.bars.borrow_mut().push(bar.clone());
        Line { progress: self, address, bar }
    }

    /// Keeps the moving lines moving, for ever.
    pub async fn animate(&self) -> Infallible {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            let mut bars = self.bars.borrow_mut();
            bars.retain(|bar| !bar.is_finished());
            bars.iter().for_each(ProgressBar::tick);
        }
    }

    /// Does something that may write to the terminal while the moving lines are out of the way. They are back
    /// at their next move.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        // Not with `suspend`, which panics if the terminal has gone.
        let _ = self.screen.clear();
        write()
    }

    /// Says what has gone wrong.
    pub fn complain(&self, message: &str) {
        self.write(format_args!("get-poetry: {message}"));
    }

    fn say(&self, message: impl Display) {
        if !self.quiet {
            self.write(message);
        }
    }

    /// Where standard error is closed, the exit status has to say it all.
    fn write(&self, message: impl Display) {
        let _ = self.aside(|| writeln!(io::stderr(), "{message}"));
    }
}

impl Line<'_> {
    pub fn waiting(&self) {
        self.bar.reset();
        self.bar.set_message(WAITING);
    }

    pub fn received(&self, bytes: usize) {
        self.bar.set_message("receiving");
        self.bar.set_position(bytes as u64);
    }

    pub fn transforming(&self) {
        self.bar.set_message("transforming");
    }

    pub fn trying_again(&self, error: &FetchError, pause: Duration) {
        let pause = pause.as_secs_f64();
        self.bar.set_message(format!("trying again in {pause} s"));
        self.progress.say(format_args!("{error}; trying again in {pause} s"));
    }

    pub fn came(&self, bytes: usize, duration: Duration) {
        let (address, seconds) = (self.address, duration.as_secs_f64());
        self.progress.say(format_args!("{address}: {bytes} bytes in {seconds:.2} s"));
    }

    pub fn not_transformed(&self, error: &FetchError) {
        let address = self.address;
        self.progress.complain(&format!("the poem of {address} is as it was fetched: {error}"));
    }

    pub fn failed(&self, why: impl Display) {
        self.progress.complain(&why.to_string());
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.progress.screen.remove(&self.bar);
    }
}
