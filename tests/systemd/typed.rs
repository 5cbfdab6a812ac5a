//! Pages of the guide that are typed on a machine of its own.

use crate::machine::{Machine, nsenter};
use crate::pages::page;
use crate::session::{Place, type_in};
use std::path::PathBuf;
use std::process::Command;

struct Typing<'a> {
    machine: &'a Machine,
    preparation: &'a str,
}

/// Types the page with this name on the machine, as root. `preparation`: what has been typed before.
pub fn type_page(name: &str, machine: &Machine, preparation: &str) {
    type_in(&page(name), &Typing { machine, preparation });
}

impl Place for Typing<'_> {
    fn bash(&self) -> Command {
        nsenter(self.machine.init(), &["bash", "--norc"])
    }

    fn preparation(&self) -> String {
        self.preparation.to_owned()
    }

    fn as_shown(&self, line: &str) -> Option<String> {
        Some(line.to_owned())
    }

    fn write(&self, name: &str, text: &str) {
        self.machine.write(name, text.as_bytes());
    }

    fn outputs(&self) -> PathBuf {
        self.machine.path("/tmp")
    }

    fn has(&self, _program: &str) -> bool {
        true
    }

    /// Whatever it is, it ends with the machine.
    fn left_running(&self) -> Vec<String> {
        Vec::new()
    }
}
