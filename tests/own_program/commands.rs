//! The command line of a program that has less than `poetryd`.

use crate::errors::muse;
use crate::support::{Sandbox, run, stderr, stdout};

pub fn the_help_of_a_program_without_plugins_has_no_list_of_them() {
    let help = stdout(&run(muse(&Sandbox::new(), "nothing", &["--help"])));
    assert!(!help.contains("Plugins ("), "{help}");
    assert!(help.contains("  -V, --version                 Print version\n\nCONFIG is "), "{help}");
}

pub fn a_command_that_is_not_built_in_is_answered_with_the_feature_and_the_signal() {
    let sandbox = Sandbox::new();
    for (arguments, instead) in [
        (&["reload"][..], "; to reload, type: kill -HUP $(cat muse.pid)"),
        (&["rotate"], "; to rotate the log, type: kill -USR1 $(cat muse.pid)"),
        (&["log-level", "debug"], ""),
    ] {
        let said = stderr(&run(muse(&sandbox, "nothing", arguments)));
        let expected = match cfg!(feature = "control") {
            true => "muse: not running: ".to_owned(),
            false => format!("muse: muse is built without the feature \"control\"{instead}\n"),
        };
        assert!(said.starts_with(&expected), "{said}");
    }
}
