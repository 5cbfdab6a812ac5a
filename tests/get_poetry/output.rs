//! What is printed, and how trouble with that is met.

use crate::servers::{Down, resetting, up};
use crate::support::{ECSTASY, command, run, stderr};
use crate::{assert_poems, assert_status, client, get};
use std::fs::File;
use std::io;
use std::process::Stdio;

#[test]
fn a_poem_is_printed_byte_for_byte() {
    let poem: Vec<u8> = (0..=255).chain([0, b'\r', b'x']).collect();
    let output = get(&up(&poem).to_string());
    assert_poems(&output, &[&poem]);
    assert_status(&output, 0);
}

#[test]
fn a_poem_of_many_megabytes_is_printed_byte_for_byte() {
    let poem: Vec<u8> = (0..1_500_000).flat_map(|n: u32| n.to_le_bytes()).collect();
    assert_poems(&get(&up(&poem).to_string()), &[&poem]);
}

#[test]
fn a_reset_in_mid_poem_is_a_failure_never_a_short_poem() {
    // So much that some of it has to be read before the reset.
    let server = resetting(&vec![b'a'; 30_000_000]);
    let output = get(&format!("--max-length 1GB {server}"));
    assert_poems(&output, &[]);
    assert_status(&output, 1);
    let said = stderr(&output);
    assert!(said.starts_with(&format!("get-poetry: {server} cut the poem after ")), "{said}");
    assert!(!said.contains("after 0 bytes"), "{said}");
}

#[test]
fn a_poem_behind_one_without_a_last_line_end_starts_on_its_own_line() {
    let (without, with) = (up(b"without"), up(b"with\n"));
    let output = get(&format!("{without} {with} {without}"));
    assert_poems(&output, &[b"without\nwith\nwithout"]);
}

#[test]
fn a_line_says_how_each_poem_came() {
    let server = up(ECSTASY);
    let said = stderr(&get(&server.to_string()));
    let seconds = said.strip_prefix(&format!("{server}: 3003 bytes in "));
    let seconds = seconds.and_then(|rest| rest.strip_suffix(" s\n")).unwrap_or_default();
    assert!(seconds.parse::<f64>().is_ok(), "{said:?}");
}

#[test]
fn a_quiet_client_says_only_what_went_wrong() {
    let (up, down) = (up(b"poem\n"), Down::new());
    assert_eq!(stderr(&get(&format!("--quiet {up}"))), "");
    let output = get(&format!("--quiet --retries 1 {down}"));
    let reason =
        format!("get-poetry: can't connect to {down}: Connection refused (os error 111)\n");
    assert_eq!(stderr(&output), reason);
    assert_status(&output, 1);
}

#[test]
fn a_reader_who_leaves_ends_it_quietly() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut command = client(&format!("--quiet {}", up(ECSTASY)));
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(stderr(&output), "");
    assert_status(&output, 1);
}

#[test]
fn a_full_disk_is_reported() {
    for options in ["", "--json"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = client(&format!("{options} {}", up(ECSTASY)));
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = stderr(&output);
        let reason = "get-poetry: can't write to standard output: No space left on device";
        assert!(said.contains(reason), "{said}");
        assert_status(&output, 1);
    }
}

#[test]
fn where_standard_error_is_closed_the_status_says_it() {
    let (up, down) = (up(b"poem\n"), Down::new());
    let mut command = command("sh");
    let program = client("");
    let script = format!("exec \"$0\" {down} {up} 2>&-");
    command.args(["-c", &script]).arg(program.get_program());
    let output = run(command);
    assert_poems(&output, &[b"poem\n"]);
    assert_status(&output, 1);
}
