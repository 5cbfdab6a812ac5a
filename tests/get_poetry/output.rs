//! What is printed, and how trouble with that is met.

use crate::servers::{Down, resetting, up};
use crate::support::{ECSTASY, command, run, stderr};
use crate::{assert_poems, assert_status, client, get};
use std::fs::File;
use std::io;
use std::process::{Output, Stdio};

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
fn a_reader_who_leaves_is_reported() {
    for options in ["", "--json", "--collect"] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = client(&format!("--quiet {options} {}", up(ECSTASY)));
        let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let reason = "get-poetry: can't write to standard output: Broken pipe (os error 32)\n";
        assert_eq!(stderr(&output), reason, "{options}");
        assert_status(&output, 1);
    }
}

/// The client, started by a shell that redirects something.
fn redirected(words: &str, redirection: &str) -> Output {
    let program = client("");
    let mut command = command("sh");
    command.arg("-c").arg(format!("exec \"$0\" {words} {redirection}")).arg(program.get_program());
    run(command)
}

#[test]
fn where_standard_output_is_closed_nobody_is_asked() {
    let server = up(ECSTASY);
    for options in ["", "--json", "--first"] {
        let output = redirected(&format!("{options} {server}"), ">&-");
        assert_eq!(stderr(&output), "get-poetry: can't write to standard output: it is closed\n");
        assert_status(&output, 1);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn what_goes_to_files_needs_no_standard_output() {
    let directory = tempfile::tempdir().unwrap();
    let words = format!("--output-dir '{}' {}", directory.path().display(), up(ECSTASY));
    assert_status(&redirected(&words, ">&-"), 0);
}

#[test]
fn standard_output_that_can_only_be_read_is_reported() {
    let output = redirected(&up(ECSTASY).to_string(), "1< /dev/null");
    let reason = "get-poetry: can't write to standard output: Bad file descriptor";
    assert!(stderr(&output).contains(reason), "{}", stderr(&output));
    assert_status(&output, 1);
}

#[test]
fn help_that_can_t_be_written_is_a_failure() {
    for words in ["--help", "--version"] {
        for redirection in [">&-", "> /dev/full", "1< /dev/null"] {
            let output = redirected(words, redirection);
            let said = stderr(&output);
            assert!(said.contains("get-poetry: can't write to standard output: "), "{said}");
            assert_status(&output, 1);
        }
    }
}

#[test]
fn standard_error_that_is_full_or_closed_changes_no_status() {
    let (up, down) = (up(b"poem\n"), Down::new());
    for redirection in ["2> /dev/full", "2>&-", "2< /dev/null"] {
        for (words, status) in
            [(up.to_string(), 0), (format!("{up} {down}"), 1), ("--wrong".into(), 2)]
        {
            let output = redirected(&words, redirection);
            assert_status(&output, status);
        }
    }
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
