//! The page of the guide about the package, typed on a machine of its own.

use crate::package::Package;
use crate::typed::type_page;

#[test]
#[ignore = "systemd, and .ci/package"]
fn every_command_prints_what_is_shown_in_debian() {
    let machine = crate::boot();
    Package::built().on(&machine);
    type_page("debian", &machine, "cd /root"); // where the package is
}
