//! `generate man`.

use crate::band::band;
use crate::generated;
use crate::support::{Sandbox, command, run, stderr, stdout};
use std::process::Command;

/// The pages of poetryd.
const PAGES: [(&str, &str); 3] = [("poetryd", "1"), ("get-poetry", "1"), ("poetryd.toml", "5")];

fn page(sandbox: &Sandbox, name: &str) -> String {
    let mut poetryd = sandbox.poetryd(&["generate", "man", name]);
    poetryd.env("SOURCE_DATE_EPOCH", "86400");
    stdout(&run(poetryd))
}

pub fn every_option_command_and_key_is_in_a_page() {
    let sandbox = Sandbox::new();
    let own = page(&sandbox, "poetryd");
    assert!(own.starts_with(".TH \"POETRYD\" 1 1970-01-02 \"poetryd "), "{own}");
    assert_eq!(
        generated(&sandbox, &["man"]).lines().skip(1).collect::<Vec<_>>(),
        own.lines().skip(1).collect::<Vec<_>>()
    );
    let help = stdout(&sandbox.run(&["--help"]));
    let words = help.split([' ', ',', '\n']);
    let options: Vec<&str> =
        words.filter(|word| word.starts_with("--") && word.len() > 2).collect();
    assert!(options.len() > 15, "{help}");
    for option in options {
        let option = option.replace('-', "\\-");
        assert!(own.contains(&format!("\\fB{option}\\fR")), "{option} is not in\n{own}");
    }
    for command in
        ["check", "status", "stop", "reload", "service", "log\\-level", "rotate", "generate"]
    {
        assert!(own.contains(&format!("\\fB{command}\\fR ")), "{command} is not in\n{own}");
    }
    assert!(own.contains(".SS fastpoetry\n") && own.contains("\\fB\\-\\-poem2\\fR"), "{own}");
    let files = page(&sandbox, "poetryd.toml");
    for text in [
        ".TH \"POETRYD.TOML\" 5 ",
        "\n\\fBmax\\-connections\\fR\n",
        "kind = \\(dqquote\\(dq",
        "\\fBrotate\\-at\\fR",
    ] {
        assert!(files.contains(text), "{text} is not in\n{files}");
    }
    assert!(page(&sandbox, "get-poetry").contains("\\fB\\-\\-fail\\-fast\\fR"));
}

pub fn a_page_that_is_unknown_is_refused_with_those_that_are_known() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["generate", "man", "poetyrd"]);
    assert_eq!((output.status.code(), &*stdout(&output)), (Some(2), ""));
    let expected = "poetryd: unknown manual page \"poetyrd\"; did you mean \"poetryd\"? (there are poetryd, poetryd.toml, get-poetry)\n";
    assert_eq!(stderr(&output), expected);
}

/// What a command says to this page.
fn given(sandbox: &Sandbox, page: &str, command: &mut Command) -> (String, String) {
    sandbox.write("page", page);
    let output = command.arg(sandbox.path("page")).output().unwrap();
    (stdout(&output), stderr(&output))
}

pub fn mandoc_has_nothing_to_say_and_shows_what_is_there() {
    let sandbox = Sandbox::new();
    let mut pages: Vec<(String, String)> = PAGES
        .iter()
        .map(|(name, section)| {
            (page(&sandbox, name), format!("{}({section})", name.to_uppercase()))
        })
        .collect();
    for (name, title) in [("band", "BAND(1)"), ("band.toml", "BAND.TOML(5)")] {
        let text = stdout(&run(band(&sandbox, &["generate", "man", name])));
        pages.push((text, title.to_owned()));
    }
    for (page, title) in pages {
        let (said, wrong) =
            given(&sandbox, &page, command("mandoc").args(["-Tlint", "-W", "warning"]));
        assert_eq!((&*said, &*wrong), ("", ""), "{page}");
        let (shown, _) = given(&sandbox, &page, command("mandoc").args(["-Tascii"]));
        assert!(shown.starts_with(&title), "{shown}");
        assert!(!shown.contains("\\f") && !shown.contains("\\-"), "{shown}");
    }
}
