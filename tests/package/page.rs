//! The page of the guide about the package, typed on a machine of its own.

use crate::machine::{Machine, nsenter};
use crate::package::Package;
use crate::pages::page;
use crate::session::{Place, type_in};
use std::path::PathBuf;
use std::process::Command;

impl Place for Machine {
    fn bash(&self) -> Command {
        nsenter(self.init(), &["bash", "--norc"])
    }

    fn preparation(&self) -> String {
        "cd /root".to_owned() // where the package is
    }

    fn as_shown(&self, line: &str) -> Option<String> {
        Some(line.to_owned())
    }

    fn write(&self, name: &str, text: &str) {
        Machine::write(self, name, text.as_bytes());
    }

    fn outputs(&self) -> PathBuf {
        self.path("/tmp")
    }

    fn has(&self, _program: &str) -> bool {
        true
    }

    /// Whatever it is, it ends with the machine.
    fn left_running(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
#[ignore = "systemd, and .ci/package"]
fn every_command_prints_what_is_shown_in_debian() {
    let machine = crate::boot();
    Package::built().on(&machine);
    type_in(&page("debian"), &machine);
}
