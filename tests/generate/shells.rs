//! `generate completions`: what a shell suggests.

use crate::generated;
use crate::support::{Sandbox, command, run, stdout};
use std::collections::BTreeSet;
use std::path::Path;

/// What the program suggests for the last of these words, as fish asks for it.
fn suggested(sandbox: &Sandbox, words: &[&str]) -> BTreeSet<String> {
    let mut poetryd = sandbox.poetryd(&[&["--", "poetryd"], words].concat());
    poetryd.env("POETRYD_COMPLETE", "fish");
    let answer = stdout(&run(poetryd));
    answer.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

fn has(found: &BTreeSet<String>, wanted: &[&str]) {
    for word in wanted {
        assert!(found.contains(*word), "{word} is not in {found:?}");
    }
}

pub fn a_command_line_goes_on_with_what_is_known() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("config/plugins")).unwrap();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/plugins/twopoems.toml");
    std::fs::copy(manifest, sandbox.path("config/plugins/twopoems.toml")).unwrap();
    sandbox.write("notes.txt", "");
    let first = suggested(&sandbox, &[""]);
    has(
        &first,
        &["check", "generate", "fastpoetry", "twopoems", "fast.toml", "config/", "--nodaemon"],
    );
    assert!(!first.contains("notes.txt"), "{first:?}");
    has(&suggested(&sandbox, &["che"]), &["check"]);
    has(&suggested(&sandbox, &["check", ""]), &["fast.toml", "fastpoetry", "twopoems", "--json"]);
    let own = suggested(&sandbox, &["fastpoetry", "--"]);
    has(&own, &["--port", "--poem2", "--iface"]);
    assert!(!own.contains("--nodaemon"), "options of poetryd go before a plugin: {own:?}");
    has(&suggested(&sandbox, &["stop", "twopoems", "--p"]), &["--port", "--poem2"]);
    has(&suggested(&sandbox, &["fastpoetry", "--poem", "poetry/"]), &["poetry/ecstasy.txt"]);
    has(&suggested(&sandbox, &["--log-level", ""]), &["debug", "info"]);
    has(&suggested(&sandbox, &["log-level", ""]), &["debug", "info"]);
    has(&suggested(&sandbox, &["--rundir", ""]), &["poetry/"]);
    has(&suggested(&sandbox, &["status", "--"]), &["--json", "--follow", "--pidfile"]);
    has(&suggested(&sandbox, &["generate", ""]), &["man", "completions", "schema", "config"]);
    has(&suggested(&sandbox, &["generate", "config", "fast", "s"]), &["slow", "status"]);
    has(&suggested(&sandbox, &["generate", "man", ""]), &["poetryd", "poetryd.toml", "get-poetry"]);
    has(&suggested(&sandbox, &["generate", "completions", ""]), &["bash", "zsh", "fish"]);
    has(&suggested(&sandbox, &["service", ""]), &["stop", "start", "restart"]);
}

pub fn services_are_those_of_the_daemon_or_else_of_the_file() {
    let sandbox = Sandbox::new();
    let services = |words: &[&str]| suggested(&sandbox, words);
    has(&services(&["service", "stop", ""]), &["ecstasy", "fast"]);
    std::fs::copy(sandbox.path("fast.toml"), sandbox.path("poetryd.toml")).unwrap();
    let _daemon = sandbox.background(&["fast.toml"]);
    sandbox.write(
        "poetryd.toml",
        "[services.other]\nkind = \"poem\"\nfile = \"poetry/ecstasy.txt\"\n",
    );
    has(&services(&["service", "restart", "f"]), &["fast"]);
    assert!(sandbox.run(&["stop"]).status.success());
    has(&services(&["service", "restart", "o"]), &["other"]);
    let rundir = sandbox.path("");
    let rundir = rundir.to_str().unwrap();
    has(&services(&["--rundir", rundir, "service", "restart", ""]), &["other"]);
}

pub fn the_variable_means_nothing_to_a_command_line_that_no_script_has_made() {
    let sandbox = Sandbox::new();
    for (value, args) in
        [("fish", &["check", "fast.toml"][..]), ("csh", &["--", "poetryd", ""]), ("", &["--", "x"])]
    {
        let plain = sandbox.run(args);
        let mut poetryd = sandbox.poetryd(args);
        poetryd.env("POETRYD_COMPLETE", value).env("COMPLETE", "fish");
        let output = run(poetryd);
        assert_eq!(
            (output.status, &output.stdout, &output.stderr),
            (plain.status, &plain.stdout, &plain.stderr)
        );
    }
}

/// A shell that finds poetryd in its PATH, and runs this script.
fn in_shell(sandbox: &Sandbox, shell: &[&str], script: &str) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_poetryd")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = command(shell[0]);
    command.args(&shell[1..]).arg(script);
    command.current_dir(sandbox.path("")).env("PATH", path).env("HOME", sandbox.path(""));
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

pub fn fish_completes() {
    let sandbox = Sandbox::new();
    let complete = |line: &str| {
        let script = format!("poetryd generate completions fish | source; complete -C {line:?}");
        in_shell(&sandbox, &["fish", "--no-config", "-c"], &script)
    };
    assert!(complete("poetryd sta").starts_with("status\t"), "{}", complete("poetryd sta"));
    assert!(complete("poetryd check fast").contains("fast.toml"));
    assert!(complete("poetryd fastpoetry --po").contains("--poem2"));
    assert!(complete("poetryd service stop e").contains("ecstasy"));
}

pub fn bash_completes() {
    let sandbox = Sandbox::new();
    let complete = |words: &[&str]| {
        let line: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let (last, count) = (words.last().unwrap(), words.len() - 1);
        let script = format!(
            "eval \"$(poetryd generate completions bash)\"\n\
             [[ $(complete -p poetryd) == *_clap_complete_poetryd* ]] || echo no function\n\
             COMP_WORDS=({}); COMP_CWORD={count}; COMP_TYPE=9\n\
             _clap_complete_poetryd poetryd '{last}' x; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            line.join(" ")
        );
        in_shell(&sandbox, &["bash", "--norc", "-c"], &script)
    };
    assert_eq!(complete(&["poetryd", "sta"]), "status\n");
    assert_eq!(complete(&["poetryd", "check", "fast.t"]), "fast.toml\n");
    assert!(complete(&["poetryd", "fastpoetry", "--po"]).contains("--poem2\n"));
    assert_eq!(complete(&["poetryd", "service", "stop", "e"]), "ecstasy\n");
}

/// zsh has no way to ask for completions but to type: a line, a tab, and what prints the line that this has made.
pub fn zsh_completes() {
    let sandbox = Sandbox::new();
    let functions = sandbox.path("functions");
    std::fs::create_dir(&functions).unwrap();
    std::fs::write(functions.join("_poetryd"), generated(&sandbox, &["completions", "zsh"]))
        .unwrap();
    // Read by compinit, and run as a function at the first completion.
    let by_file = "fpath=(~/functions $fpath); autoload -U compinit; compinit -u -D";
    let by_source =
        "autoload -U compinit; compinit -u -D; source <(poetryd generate completions zsh)";
    for setup in [by_file, by_source] {
        for (typed, completed) in [
            ("poetryd sta", "poetryd status"),
            ("poetryd check fast.t", "poetryd check fast.toml"),
            ("poetryd fastpoetry --poem", "poetryd fastpoetry --poem"),
            ("poetryd service stop e", "poetryd service stop ecstasy"),
        ] {
            sandbox.write("setup", setup);
            let script = format!(
                "zmodload zsh/zpty; zpty z zsh -f -i\n\
                 zpty -w z 'PROMPT= RPROMPT=; bindkey -e; source ./setup; print READY-$((40+2))'\n\
                 zpty -r -m z got '*READY-42*'\n\
                 zpty -w -n z $'{typed}\\t\\C-aprint -r -- GOT$((40+2)) \\n'\n\
                 zpty -r -m z got $'*GOT42 *\\n*'; print -r -- $got; zpty -d z"
            );
            let said = in_shell(&sandbox, &["timeout", "60", "zsh", "-f", "-c"], &script);
            assert!(said.contains(&format!("GOT42 {completed}")), "{typed}: {said}");
        }
    }
}
