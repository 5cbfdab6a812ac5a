//! The examples that walk through Parts 17 and 18 of the Twisted tutorial print what they promise.

use crate::example;
use crate::support::{command, run};

/// Compares all that an example prints with `snapshots/NAME.snap`, to the byte but for the blank
/// lines at both ends.
fn prints_what_it_promises(name: &str) {
    let output = run(command(example(name)));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{}", output.status);
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, String::from_utf8(output.stdout).unwrap());
    });
}

#[test]
fn deferred_lists_keep_their_order_and_report_what_nobody_handled() {
    prints_what_it_promises("deferred_list");
}

#[test]
fn a_deferred_dict_does_by_key_what_a_list_does_by_place() {
    prints_what_it_promises("deferred_dict");
}

#[test]
fn inline_callbacks_pause_return_and_raise() {
    prints_what_it_promises("inline_callbacks");
}
