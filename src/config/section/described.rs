//! Lists the keys that are read, by reading a table that does not exist.

use super::args::key_of;
use super::{Protocols, Section};
use crate::config::diagnostic::Diagnostics;
use crate::config::file_checks::FileChecks;
use crate::config::listing::{KeyInfo, Listing};
use crate::service::ServicePath;
use clap::{Args, Command};
use toml::de::DeTable;

impl Section<'_> {
    /// Describes the next key that is read, for the documentation: in one line without a full stop. The default
    /// comes last: `"How many clients may wait [default: 4096]"`. If there is none, there can be a value for
    /// examples of files: `"The server to ask [example: time.example.org]"`.
    pub fn about(&mut self, help: &'static str) -> &mut Self {
        if let Some(listing) = &mut self.listing {
            listing.about = Some(help);
        }
        self
    }

    /// Describes keys that are read later with the help of the options that `clap` derives for `T` and that have
    /// the same names. So the help of a plugin and the documentation of a kind come from one place.
    pub fn about_options<T: Args>(&mut self) -> &mut Self {
        if let Some(listing) = &mut self.listing {
            for arg in T::augment_args(Command::new("")).get_arguments() {
                listing.about_option(arg, key_of(arg));
            }
        }
        self
    }

    /// The keys that `read` reads.
    pub(in crate::config) fn keys_of<T>(read: impl FnOnce(&mut Section<'_>) -> T) -> Vec<KeyInfo> {
        let protocols = Protocols::new();
        let (table, path) = (DeTable::new(), ServicePath::root());
        let mut checks = FileChecks::new(Diagnostics::new(Vec::new()));
        let mut section = Section::new(&table, 0..0, "", path, &protocols, &mut checks);
        section.listing = Some(Listing::default());
        read(&mut section);
        section.listing.take().map(|listing| listing.keys).unwrap_or_default()
    }
}
