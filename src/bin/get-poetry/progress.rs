//! What is written to standard error: a progress line for each server on a terminal, plain lines elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use poetryd::poetry::fetch::{Address, FetchError};
use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// How often a progress line is updated if nothing has happened, so that its rate goes down.
const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// The state of a server that has not sent anything yet.
const WAITING: &str = "waiting";

/// Standard error.
pub struct Progress {
    /// Draws nothing if standard error is not a terminal.
    screen: MultiProgress,
    bars: RefCell<Vec<ProgressBar>>,
    quiet: bool,
}

/// What is reported about one server. Its progress line disappears when this is dropped.
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

    /// Whether progress lines and poems appear on the same terminal.
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

    /// Updates the progress lines, for ever.
    pub async fn animate(&self) -> Infallible {
        let mut ticks = tokio::time::interval(REDRAW_INTERVAL);
        loop {
            ticks.tick().await;
            let mut bars = self.bars.borrow_mut();
            bars.retain(|bar| !bar.is_finished());
            bars.iter().for_each(ProgressBar::tick);
        }
    }

    /// Does something that may write to the terminal, without the progress lines. They come back with their next
    /// update.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        // Not with `suspend`, which panics if the terminal has gone.
        let _ = self.screen.clear();
        write()
    }

    /// Reports an error.
    pub fn complain(&self, message: &str) {
        self.write(format_args!("get-poetry: {message}"));
    }

    fn say(&self, message: impl Display) {
        if !self.quiet {
            self.write(message);
        }
    }

    /// If standard error is closed, only the exit status is left.
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
        self.progress.complain(&format!("the poem of {address} was not transformed: {error}"));
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
