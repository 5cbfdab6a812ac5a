//! The exact text that a user sees for each wrong file. The snapshots show the file, too.

use super::{application, application_and, registry, wrong};
use crate::config::{ConfigError, load, read};
use std::fs;
use std::path::Path;

/// One test per wrong file: `name: "text"`.
macro_rules! mistakes {
    ($($name:ident: $text:expr,)+) => {
        $(#[test]
        fn $name() {
            shown($text, &wrong($text), stringify!($name));
        })+
    };
}

fn shown(text: &str, report: &str, name: &str) {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, format!("{text}\n========\n{report}"));
    });
}

/// A poem, so that a listener may name it.
const POEM: &str = "[services.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n";

/// A listener on one address; `more` is added to its table.
fn listener(more: &str) -> String {
    format!(
        "{POEM}\n[services.fast]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nprotocol = \"fast\"\npoem = \"ecstasy\"\n{more}\n"
    )
}

// Syntax.
mistakes! {
    syntax_error: "name = = \"fast\"\n\n[services.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n",
    value_without_quotes: "[services.ecstasy]\nkind = poem\nfile = \"ecstasy.txt\"\n",
    string_without_end: "[services.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy.txt\n",
    header_without_end: "[services.ecstasy\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n",
    two_syntax_errors_and_a_wrong_port:
        "name = \n\n[services.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n\n\
         [services.fast]\nkind = \"tcp\"\nport = 70000\nprotocol = fast\npoem = \"ecstasy\"\n",
    key_twice: "[services.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\nfile = \"science.txt\"\n",
    service_twice: &format!("{POEM}\n{POEM}"),
}

// What happens when a service fails.
mistakes! {
    restart_sometimes: &format!("{POEM}restart = \"on-failures\"\n"),
    restart_keys_out_of_range: &format!(
        "{POEM}restart = \"always\"\nrestart-delay = 0\nrestart-max-delay = -1\nrestart-window = 0\nrestart-limit = 0\n"
    ),
    restart_keys_without_a_restart: &format!("{POEM}restart-delay = 1\nrestart-limit = 3\n"),
    restart_max_delay_below_the_delay: &format!(
        "{POEM}restart = \"on-failure\"\nrestart-delay = 5\nrestart-max-delay = 1\n"
    ),
}

// Keys and tables.
mistakes! {
    unknown_key_of_a_poem: "[services.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\nfiel = \"science.txt\"\n",
    unknown_key_of_a_listener: &listener("port = 0\nmax-conections = 5"),
    unknown_key_of_a_protocol: "[services.fast]\nkind = \"tcp\"\nport = 0\nprotocol = \"fast\"\npeom = \"ecstasy\"\n",
    unknown_key_like_no_other: &listener("port = 0\nqqq = 1"),
    unknown_key_beside_the_services: &format!("titel = \"Fast\"\n{POEM}"),
    unknown_table_beside_the_services: &format!("[deamon]\nuid = \"nobody\"\n\n{POEM}"),
    services_in_the_singular: "[service.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n",
    child_outside_the_services_of_its_group:
        "[services.night]\nkind = \"group\"\n\n[services.night.science]\nkind = \"poem\"\nfile = \"science.txt\"\n",
    services_is_not_a_table: "services = 3\n",
    services_is_an_array: "[[services]]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n",
    service_is_not_a_table: "[services]\necstasy = \"ecstasy.txt\"\n",
    service_is_an_array: "[[services.ecstasy]]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n",
    service_name_with_a_space: "[services.\"my poem\"]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n",
    service_name_with_a_dot: "[services.\"night.science\"]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n",
    service_without_a_name: "[services.\"\"]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n",
    empty_file: "",
    no_services: "name = \"fastpoetry\"\n[services]\n",
    empty_group: &format!("{POEM}\n[services.night]\nkind = \"group\"\n"),
    empty_group_in_a_group: "[services.night]\nkind = \"group\"\n\n[services.night.services.late]\nkind = \"group\"\n",
}

// Kinds, protocols and references.
mistakes! {
    kind_with_a_typing_error: "[services.ecstasy]\nkind = \"peom\"\nfile = \"ecstasy.txt\"\n",
    kind_like_no_other: "[services.ecstasy]\nkind = \"http\"\nroot = \"/var/www\"\n",
    kind_that_has_a_new_name:
        "[services.quote]\nkind = \"udp\"\nport = 10017\npoem = \"ecstasy\"\n",
    kind_of_another_type: "[services.ecstasy]\nkind = 3\nfile = \"ecstasy.txt\"\n",
    no_kind: "[services.ecstasy]\nfile = \"ecstasy.txt\"\n",
    protocol_with_a_typing_error: &listener("port = 0").replace("\"fast\"", "\"fats\""),
    protocol_like_no_other: &listener("port = 0").replace("\"fast\"", "\"smtp\""),
    no_protocol: "[services.fast]\nkind = \"tcp\"\nport = 0\n",
    no_poem: "[services.fast]\nkind = \"tcp\"\nport = 0\nprotocol = \"fast\"\n",
    key_of_the_kind_with_a_typing_error: "[services.ecstasy]\nknd = \"poem\"\nfile = \"ecstasy.txt\"\n",
    key_of_the_protocol_with_a_typing_error: &listener("port = 0").replace("protocol", "protocl"),
    required_keys_with_typing_errors: &listener("prot = 0").replace("file", "fiel"),
    poem_with_a_typing_error: &listener("port = 0").replace("poem = \"ecstasy\"", "poem = \"extasy\""),
    poem_that_is_nowhere: "[services.fast]\nkind = \"tcp\"\nport = 0\nprotocol = \"fast\"\npoem = \"science\"\n",
    poem_of_another_kind: &listener("port = 0").replace("poem = \"ecstasy\"", "poem = \"fast\""),
    poem_whose_own_kind_is_mistaken: &listener("port = 0").replace("\"poem\"", "\"peom\""),
    poem_without_a_kind: &listener("port = 0").replace("kind = \"poem\"\n", ""),
    poem_out_of_scope:
        "[services.night]\nkind = \"group\"\n\n[services.night.services.science]\nkind = \"poem\"\nfile = \"science.txt\"\n\n\
         [services.fast]\nkind = \"tcp\"\nport = 0\nprotocol = \"fast\"\npoem = \"science\"\n",
    poem_by_its_path:
        "[services.fast]\nkind = \"tcp\"\nport = 0\nprotocol = \"fast\"\npoem = \"night.science\"\n\n\
         [services.night]\nkind = \"group\"\n\n[services.night.services.science]\nkind = \"poem\"\nfile = \"science.txt\"\n",
}

// Values.
mistakes! {
    file_is_a_number: "[services.ecstasy]\nkind = \"poem\"\nfile = 7\n",
    file_without_a_name: "[services.ecstasy]\nkind = \"poem\"\nfile = \"\"\n",
    file_with_a_nul: "[services.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy\\u0000.txt\"\n",
    no_file: "[services.ecstasy]\nkind = \"poem\"\n",
    no_port: &listener(""),
    port_70000: &listener("port = 70000"),
    port_below_0: &listener("port = -1"),
    port_in_quotes: &listener("port = \"10000\""),
    port_with_a_fraction: &listener("port = 1e4"),
    port_beyond_all_numbers: &listener("port = 99999999999999999999"),
    port_is_a_date: &listener("port = 1633-02-10"),
    port_over_several_lines: &listener("port = '''\n10000\n'''"),
    interface_without_a_name: &listener("port = 0").replace("\"127.0.0.1\"", "\"\""),
    interface_is_an_array: &listener("port = 0").replace("\"127.0.0.1\"", "[\"127.0.0.1\", \"::1\"]"),
    no_connections_at_all: &listener("port = 0\nmax-connections = 0"),
    backlog_of_nothing: &listener("port = 0\nbacklog = 0"),
    timeout_with_a_unit: &listener("port = 0\nwrite-timeout = \"60s\""),
    timeout_below_0: &listener("port = 0\nlinger-timeout = -0.5"),
    timeout_without_end: &listener("port = 0\nwrite-timeout = inf"),
    address_twice: &format!(
        "{}\n[services.again]\nkind = \"tcp\"\ninterface = \"127.0.0.1\"\nport = 10000\nprotocol = \"fast\"\npoem = \"ecstasy\"\n",
        listener("port = 10000")
    ),
    all_addresses_twice: &format!(
        "{POEM}{}\n{}",
        "\n[services.one]\nkind = \"tcp\"\ninterface = \"*\"\nport = 10000\nprotocol = \"fast\"\npoem = \"ecstasy\"\n",
        "[services.two]\nkind = \"tcp\"\ninterface = \"*\"\nport = 10000\nprotocol = \"fast\"\npoem = \"ecstasy\"\n",
    ),
    address_within_all: &format!(
        "{}\n[services.all]\nkind = \"tcp\"\ninterface = \"0.0.0.0\"\nport = 10000\nprotocol = \"fast\"\npoem = \"ecstasy\"\n",
        listener("port = 10000")
    ),
}

/// A service at this address that connects its clients with another.
fn forward(name: &str, interface: &str, port: u16, to: &str) -> String {
    format!(
        "[services.{name}]\nkind = \"tcp\"\ninterface = \"{interface}\"\nport = {port}\nprotocol = \"forward\"\nto = \"{to}\"\n"
    )
}

// Circles.
mistakes! {
    forward_to_itself: &forward("a", "127.0.0.1", 10001, "localhost:10001"),
    proxy_of_itself:
        "[services.a]\nkind = \"tcp\"\ninterface = \"*\"\nport = 10001\nprotocol = \"proxy\"\nupstream = \"127.0.0.1:10001\"\n",
    forwards_in_a_circle: &[
        forward("start", "127.0.0.1", 10000, "127.0.0.1:10001"),
        forward("a", "127.0.0.1", 10001, "127.0.0.1:10002"),
        forward("b", "0.0.0.0", 10002, "127.0.0.2:10003"),
        forward("c", "127.0.0.2", 10003, "0.0.0.0:10001"),
    ].concat(),
    two_circles: &[
        forward("a", "::1", 10001, "[::1]:10001"),
        forward("b", "127.0.0.1", 10002, "127.0.0.1:10003"),
        forward("c", "127.0.0.1", 10003, "127.0.0.1:10002"),
    ].concat(),
}

#[test]
fn connections_that_lead_elsewhere_are_no_circle() {
    for text in [
        forward("a", "127.0.0.1", 10001, "127.0.0.1:10002"),
        forward("a", "127.0.0.1", 10001, "127.0.0.2:10001"),
        forward("a", "127.0.0.1", 10001, "[::1]:10001"),
        forward("a", "127.0.0.1", 10001, "10001.example.org:10001"),
        forward("a", "127.0.0.1", 0, "127.0.0.1:10001"),
        forward("a", "127.0.0.1", 10001, "127.0.0.1:10000")
            + &forward("b", "127.0.0.1", 10002, "127.0.0.1:10001")
            + &listener("port = 10000"),
        forward("a", "127.0.0.1", 10001, "127.0.0.1:10003")
            + &forward("b", "127.0.0.1", 10002, "127.0.0.1:10003")
            + &forward("c", "127.0.0.1", 10003, "127.0.0.1:10004"),
    ] {
        application(&text).map(drop).unwrap_or_else(|e| panic!("{e}"));
    }
}

/// A chain as long as a file can have must not take long, nor overflow the stack.
#[test]
fn a_long_chain_is_followed_to_its_end() {
    let chain = |last: u16| -> String {
        let link = |port: u16| {
            let to = format!("127.0.0.1:{}", if port == 6000 { last } else { port + 1 });
            forward(&format!("s{port}"), "127.0.0.1", port, &to)
        };
        (1..=6000).map(link).collect()
    };
    application(&chain(6001)).map(drop).unwrap_or_else(|e| panic!("{e}"));
    let report = wrong(&chain(1));
    assert_eq!(report.matches("fast.toml:").count(), 1, "{report}");
}

// The place.
mistakes! {
    after_tabs: "[services.ecstasy]\n\tkind = \"poem\"\n\tfile\t=\t7\n",
    after_letters_of_several_bytes: "[services]\necstasy = { kind = \"poem\", file = \"Ἀλλ᾽ – é\", files = 2 }\n",
    on_letters_of_several_bytes: "[services.ecstasy]\nkind = \"élégie\"\n",
    after_windows_line_ends: "[services.ecstasy]\r\nkind = \"poem\"\r\nfile = 7\r\n",
    after_a_byte_order_mark: "\u{feff}nmae = \"fast\"\n[services.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n",
    after_wide_letters: "[services]\necstasy = { kind = \"poem\", file = \"詩 🌹 e\u{301}\", files = 2 }\n",
    on_wide_letters: "[services.ecstasy]\nkind = \"詩\"\n",
    behind_control_characters: "[services]\necstasy = { kind = \"poem\", file = \"\u{85}\u{202e}\", files = 2 }\n",
    in_a_long_line: &format!("[services]\necstasy = {{ file = \"{}\", kind = \"{}\" }}\n", "x".repeat(200), "peom ".repeat(40)),
    at_the_end_of_a_long_line: &format!("[services]\necstasy = {{ file = \"{}\", kind = 3 }}\n", "x".repeat(200)),
    at_the_start_of_a_long_line: &format!("nmae = \"{}\"\n{POEM}", "x".repeat(200)),
    in_a_last_line_without_end: "[services.ecstasy]\nkind = \"poem\"\nfile = 7",
    all_mistakes_in_the_order_of_the_file:
        "nmae = \"fast\"\n\n[services.fast]\nkind = \"tcp\"\nport = 70000\nprotocol = \"fast\"\npoem = \"nowhere\"\n\n\
         [services.ecstasy]\nfile = 7\nkind = \"poem\"\n\n[services.\"a b\"]\nkind = \"poem\"\nfile = \"a.txt\"\nfle = 1\n\n\
         [services.night]\nkind = \"grop\"\n",
}

/// The values that only the program's own tables have.
#[test]
fn values_of_the_runner() {
    let text = "umask = \"089\"\nmask = 77\nrotate-at = \"1 apple\"\nwait = \"soon\"\nlevel = \"inof\"\n\
                quiet = \"yes\"\nkeep = 0\n\n[services.ecstasy]\nkind = \"poem\"\nfile = \"ecstasy.txt\"\n";
    let read = application_and(text, |top| {
        top.optional("umask", read::octal);
        top.optional("mask", read::octal);
        top.optional("rotate-at", read::size);
        top.optional("wait", read::seconds);
        top.optional("level", read::one_of(&[("error", 1), ("info", 2)]));
        top.optional("quiet", read::boolean);
        top.optional("keep", read::integer(1..=10_000usize));
    });
    let report = read.err().unwrap().to_string();
    shown(text, &report, "values_of_the_runner");
}

#[test]
fn an_interface_that_nobody_knows_is_shown_in_its_place() {
    // A name with an empty label is refused without asking any server.
    let report = wrong(&listener("port = 0").replace("\"127.0.0.1\"", "\"a..b\""));
    let start = "fast.toml:7:13: interface: can't find an address for \"a..b\": ";
    assert!(report.starts_with(start), "{report}");
}

#[test]
fn a_file_that_is_not_text_is_shown_with_the_wrong_byte() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fast.toml");
    fs::write(&file, b"name = \"fast\"\n# d\xe9j\xe0 vu\n").unwrap();
    let report = load(&file, &registry(), |_| ()).err().unwrap().to_string();
    let report = report.replace(&*directory.path().to_string_lossy(), "DIRECTORY");
    let expected = "DIRECTORY/fast.toml:2:4: byte 0xe9 is not UTF-8; TOML files are UTF-8\n  \
                    |\n2 | # d\u{fffd}j\u{fffd} vu\n  |    ^";
    assert_eq!(report, expected);
}

#[test]
fn a_file_that_is_not_there_is_named_with_the_reason() {
    let error = load(Path::new("/nowhere/fast.toml"), &registry(), |_| ()).err().unwrap();
    assert!(matches!(error, ConfigError::Unreadable { .. }));
    let expected = "can't read the application file /nowhere/fast.toml: No such file or directory (os error 2)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_directory_is_no_application_file() {
    let error = load(Path::new("/"), &registry(), |_| ()).err().unwrap();
    let expected = "can't read the application file /: Is a directory (os error 21)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn mistakes_are_counted() {
    match application("nmae = 1\nport = 2\nservices = 3\n") {
        Err(ConfigError::Mistakes { mistakes, .. }) => assert_eq!(mistakes.len(), 3),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("no mistake was found"),
    }
}

#[test]
fn windows_line_ends_do_not_reach_the_terminal() {
    let report = wrong("[services.ecstasy]\r\nkind = \"poem\"\r\nfile = 7\r\n");
    assert!(!report.contains('\r'), "{report:?}");
}

#[test]
fn no_damage_to_a_file_makes_the_reader_panic() {
    let text = listener("port = 0").replace("ecstasy.txt", "ἔκστασις.txt");
    for (at, c) in text.char_indices() {
        let (before, after) = (&text[..at], &text[at + c.len_utf8()..]);
        for damage in ["", "\"", "\n", "[", "=", ".", "é", "\u{0}"] {
            let _ = application(&format!("{before}{damage}{after}"));
        }
        let _ = application(before);
    }
}

/// What a file says may be meant for the terminal of whoever checks it.
#[test]
fn control_characters_are_escaped_wherever_they_are() {
    let escape = "a\\u001b[31m\\u0007\\u202e\\nb";
    for text in [
        "name = \u{1b}[31m".to_owned(),
        format!("\"{escape}\" = 1\n{POEM}"),
        format!("[services.\"{escape}\"]\nkind = \"poem\"\nfile = 3\nfiel = 3\n"),
        format!("[services.\"{escape}\"]\nkind = \"{escape}\"\n"),
        format!("[services]\n\"{escape}\" = 3\n"),
        listener("port = 0").replace("poem = \"ecstasy\"", &format!("poem = \"{escape}\"")),
        listener("port = 0").replace("protocol = \"fast\"", &format!("protocol = \"{escape}\"")),
        listener("port = 0").replace("127.0.0.1", escape),
        "[services.ecstasy]\nkind = \"poem\"\nfile = \"a\u{1b}\u{7}.txt\"\n".to_owned(),
    ] {
        let report = wrong(&text);
        let raw = report.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(raw, None, "{report}");
        assert!(report.lines().all(|line| !line.starts_with('b')), "{report}");
    }
}

#[test]
fn what_is_shown_of_a_long_file_is_short() {
    let long = "x".repeat(5_000_000);
    for text in [
        format!("{long} = \n{POEM}"),
        format!("nmae = \"{long}\"\n{POEM}"),
        format!("{long} = 1\n{POEM}"),
        format!("[services.{long}]\nkind = \"poem\"\nfile = 3\nfiel = 3\n"),
        format!("[services.ecstasy]\nkind = \"{long}\"\n"),
        format!("[services.ecstasy]\nkind = 1{}\n", "0".repeat(5_000_000)),
        format!("[services.\"{long} \"]\nkind = \"poem\"\nfile = \"x\"\n"),
        listener("port = 0").replace("poem = \"ecstasy\"", &format!("poem = \"{long}\"")),
        listener("port = 0").replace("127.0.0.1", &long),
    ] {
        let report = wrong(&text);
        assert!(report.len() < 10_000, "{} bytes: {}…", report.len(), &report[..1000]);
    }
}
