//! Command lines, right and wrong.

use crate::servers::up;
use crate::support::{stderr, stdout};
use crate::{assert_poems, assert_status, get};

#[test]
fn a_wrong_command_line_exits_2_and_asks_nobody() {
    let server = up(b"poem\n");
    for wrong in [
        "",
        "--first --fail-fast ADDR",
        "--transform-name sing ADDR",
        "--transform-name a.b --transform 1 ADDR",
        "--transform poem ADDR",
        "--timeout 0 ADDR",
        "--timeout -1 ADDR",
        "--timeout soon ADDR",
        "--max-time 0 ADDR",
        "--max-time soon ADDR",
        "--collect --first ADDR",
        "--retries -1 ADDR",
        "--max-length 0 ADDR",
        "--max-length 18446744073709551615 ADDR",
        "--max-length much ADDR",
        "--no-such-option ADDR",
        "ADDR poem",
        "ADDR 0",
        "ADDR 70000",
        "ADDR ::1:17",
    ] {
        let output = get(&wrong.replace("ADDR", &server.to_string()));
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {}", stderr(&output));
        assert_poems(&output, &[]);
        assert!(stderr(&output).starts_with("error: "), "{wrong:?}: {}", stderr(&output));
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_port_alone_is_on_this_machine() {
    let output = get(&format!("{}", up(b"poem\n").address.port()));
    assert_poems(&output, &[b"poem\n"]);
    assert_status(&output, 0);
    assert!(stderr(&output).starts_with("localhost:"), "{}", stderr(&output));
}

#[test]
fn the_help_names_every_option_and_what_the_status_means() {
    let output = get("--help");
    assert_status(&output, 0);
    let help = stdout(&output);
    for word in [
        "get-poetry [OPTIONS] [--first | --fail-fast] ADDR...",
        "--unordered",
        "--collect",
        "--max-time <SECONDS>",
        "--transform <ADDR>",
        "--transform-name <NAME>",
        "--timeout <SECONDS>",
        "--retries <N>",
        "--max-length <SIZE>",
        "--output-dir <DIR>",
        "--json",
        "--quiet",
        "Exit status: 0 ",
    ] {
        assert!(help.contains(word), "{word:?} is missing in\n{help}");
    }
}

#[test]
fn the_version_is_the_package_s() {
    let output = get("--version");
    assert_eq!(stdout(&output), concat!("get-poetry ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_status(&output, 0);
}
