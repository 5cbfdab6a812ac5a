//! `generate`: what is made from the descriptions of the options and keys, which the help and the checks of files use as
//! well.

mod completions;
mod entry;
mod example;
mod man;
mod man_of_files;
mod roff;
mod schema;
mod services;

use super::Program;
use super::failure::{Failure, say_bytes};
use crate::cli::Generate;
use std::process::ExitCode;

impl Program {
    /// Prints what is asked for to standard output.
    pub(super) fn generate(&self, what: Generate) -> Result<ExitCode, Failure> {
        let text = match what {
            Generate::Man { page } => self.manual_page(page.as_deref())?,
            Generate::Completions { shell } => self.completions(shell)?,
            Generate::Schema => self.schema(),
            Generate::Config { kinds } => self.example(&kinds)?,
        };
        say_bytes(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}
