//! What `generate` makes.

use clap::{Subcommand, ValueEnum};

/// What can be generated.
#[derive(Clone, Debug, PartialEq, Subcommand)]
#[non_exhaustive]
pub enum Generate {
    /// A manual page: of the program itself, or PAGE
    Man {
        /// The page, without its section
        page: Option<String>,
    },
    /// A script that a shell reads for completions
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// A JSON Schema of application files, for editors
    Schema,
    /// An application file with comments, for services of these kinds
    Config {
        /// Kinds of service
        #[arg(value_name = "KIND")]
        kinds: Vec<String>,
    },
}

/// The shells for which there are completions.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
#[non_exhaustive]
pub enum Shell {
    /// GNU Bash, 4.4 or later
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
}
