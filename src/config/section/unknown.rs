//! Keys of a table that nobody has read, and required ones that are missing.

use super::Section;
use crate::config::diagnostic::suggestion;
use crate::value::{nearest, quoted};
use toml::Spanned;
use toml::de::DeString;

impl Section<'_> {
    /// Records the required keys that are missing; or, instead, a key that was probably meant to be one of them.
    pub(super) fn note_absent_keys(&mut self) {
        for (absent, message) in std::mem::take(&mut self.absent) {
            let unknown = self.table.keys().filter(|key| !self.is_known(key.get_ref()));
            let mut meant =
                unknown.filter(|key| self.nearest_known(key.get_ref()) == Some(&absent));
            match meant.next() {
                None => self.missing(message),
                Some(key) if self.any_key => self.note_unknown_key(key),
                Some(_) => {} // it is recorded with all unknown keys
            }
        }
    }

    pub(super) fn note_unknown_keys(&mut self) {
        if self.any_key {
            return;
        }
        for (key, _) in self.table {
            if !self.is_known(key.get_ref()) {
                self.note_unknown_key(key);
            }
        }
    }

    fn note_unknown_key(&mut self, key: &Spanned<DeString<'_>>) {
        let (name, title) = (quoted(key.get_ref()), self.title);
        let known: Vec<&str> = self.known.iter().map(|known| &**known).collect();
        let advice = suggestion(key.get_ref(), &known);
        let message = format!("unknown key {name} in {title}; {advice}");
        self.checks.diagnostics.wrong(key.span(), message);
    }

    pub(super) fn nearest_known(&self, key: &str) -> Option<&str> {
        nearest(key, self.known.iter().map(|known| &**known))
    }

    pub(super) fn is_known(&self, key: &str) -> bool {
        self.known.iter().any(|known| known == key)
    }
}
