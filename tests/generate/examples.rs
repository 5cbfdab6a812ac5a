//! `generate config`.

use crate::band::band;
use crate::support::{Sandbox, run, stderr, stdout};
use crate::{generated, registry};

/// What `check` says of a text.
fn checked(sandbox: &Sandbox, text: &str) -> (String, String) {
    sandbox.write("example.toml", text);
    let output = sandbox.run(&["check", "example.toml"]);
    (stdout(&output), stderr(&output))
}

/// The lines with a key, as they would be without the mark of a comment.
fn keys_in_comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(number, line)| {
        let line = line.strip_prefix("# ")?;
        let is_key = |c: char| c.is_ascii_lowercase() || c == '-';
        let key = line.split_once(" = ")?.0;
        key.chars().all(is_key).then_some((number, line))
    })
}

pub fn the_example_of_every_kind_and_protocol_has_no_mistakes() {
    let sandbox = Sandbox::new();
    let (kinds, protocols) = (registry().kinds(), registry().protocols());
    let places = ["tcp", "unix"].iter();
    let both = places.flat_map(|kind| protocols.iter().map(move |p| format!("{kind}:{p}")));
    let words: Vec<String> =
        kinds.iter().chain(&protocols).map(|word| (*word).to_owned()).chain(both).collect();
    for word in &words {
        let (said, mistakes) = checked(&sandbox, &generated(&sandbox, &["config", word]));
        assert_eq!(mistakes, "", "{word}");
        assert!(said.contains("\n["), "{word}: {said}");
    }
    let unique: Vec<&str> =
        words.iter().map(|word| &**word).filter(|w| !w.starts_with("unix")).collect();
    let all = generated(&sandbox, &[&["config"], &unique[..]].concat());
    assert_eq!(checked(&sandbox, &all).1, "", "{all}");
}

pub fn without_a_kind_there_is_one_that_serves_a_poem() {
    let sandbox = Sandbox::new();
    let text = generated(&sandbox, &["config"]);
    assert!(text.starts_with("#:schema ./poetryd.schema.json\n"), "{text}");
    let expected =
        "[poem] would load a poem from poetry/ecstasy.txt (3003 bytes)\n[fast] would listen on ";
    assert!(checked(&sandbox, &text).0.contains(expected), "{text}");
    for line in [
        "# [daemon]",
        "# [log]",
        "# level = \"info\"",
        "# pidfile = \"poetryd.pid\"",
        "# restart = \"never\"",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

/// Keys may need others, or exclude them; but no value is of the wrong type.
pub fn a_value_in_a_comment_is_one_that_its_key_can_have() {
    let sandbox = Sandbox::new();
    let text = generated(
        &sandbox,
        &["config", "status", "quote", "unix:slow", "tcp:proxy", "tcp:forward", "tcp:transform"],
    );
    let tables: Vec<&str> = text.split("\n# [").collect();
    let services = tables[0];
    let mut tried = 0;
    for (number, line) in keys_in_comments(services) {
        let with =
            |(at, old): (usize, &str)| if at == number { line.to_owned() } else { old.to_owned() };
        let text: Vec<String> = services.lines().enumerate().map(with).collect();
        let (_, mistakes) = checked(&sandbox, &text.join("\n"));
        let key = line.split(' ').next().unwrap();
        assert!(!mistakes.contains(&format!("{key}: expected")), "{line}\n{mistakes}");
        assert!(!mistakes.contains("unknown key"), "{line}\n{mistakes}");
        tried += 1;
    }
    for table in &tables[1..] {
        let name = table.split(']').next().unwrap();
        for (_, line) in keys_in_comments(table) {
            let (_, mistakes) = checked(&sandbox, &format!("{services}\n[{name}]\n{line}\n"));
            let key = line.split(' ').next().unwrap();
            assert!(!mistakes.contains(&format!("{key}: expected")), "{line}\n{mistakes}");
            assert!(!mistakes.contains("unknown key"), "{line}\n{mistakes}");
            tried += 1;
        }
    }
    assert!(tried > 50, "only {tried}");
}

pub fn services_share_what_they_need_where_they_can_reach_it() {
    let sandbox = Sandbox::new();
    let text = generated(&sandbox, &["config", "fast", "slow", "fast"]);
    assert_eq!(text.matches("kind = \"poem\"").count(), 1, "{text}");
    for port in ["10000", "10001", "10002"] {
        assert!(text.contains(&format!("\nport = {port}\n")), "{text}");
    }
    assert!(text.contains("[services.fast2]"), "{text}");
    let text = generated(&sandbox, &["config", "group", "fast"]);
    assert_eq!(text.matches("kind = \"poem\"").count(), 2, "{text}");
    assert_eq!(checked(&sandbox, &text).1, "");
}

pub fn a_word_that_is_no_kind_is_refused_with_those_that_are() {
    let sandbox = Sandbox::new();
    let kinds =
        "there are poem, quote, status, tcp, unix, group, fast, forward, proxy, slow, transform";
    for (word, expected) in [
        ("peom", format!("unknown kind of service \"peom\"; did you mean \"poem\"? ({kinds})")),
        ("qqq", format!("unknown kind of service \"qqq\" ({kinds})")),
        ("tcp:fats", "unknown protocol \"fats\"; did you mean \"fast\"? (there are fast, forward, proxy, slow, transform)".into()),
        ("status:fast", "a service of kind status has no protocol, so not \"fast\"".into()),
    ] {
        let output = sandbox.run(&["generate", "config", word]);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
        assert_eq!(stderr(&output), format!("poetryd: {expected}\n"));
    }
}

pub fn kinds_of_other_programs_have_examples_that_their_checkers_accept() {
    let sandbox = Sandbox::new();
    for kinds in [&[][..], &["singer"], &["metronome", "singer"]] {
        let output = run(band(&sandbox, &[&["generate", "config"], kinds].concat()));
        let text = stdout(&output);
        assert!(text.contains("tempo = \"presto\"\n"), "{text}");
        sandbox.write("band.toml", &text);
        let output = run(band(&sandbox, &["check"]));
        assert_eq!((output.status.code(), &*stderr(&output)), (Some(0), ""), "{text}");
    }
    let output = run(band(&sandbox, &["generate", "config", "singer"]));
    let text = stdout(&output);
    for line in [
        "beat = \"metronome\"",
        "text = \"la la\"",
        "# times = 2",
        "# voice = \"soprano\"",
        "# loud = true",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let output = run(band(&sandbox, &["generate", "config", "tcp"]));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "band: there is no protocol for a service of kind tcp\n");
}
