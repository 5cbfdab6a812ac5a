//! What the package brings: each file works where it is.

use crate::machine::Machine;
use crate::{boot_with_package, succeeds};

/// The files of the package in a directory, and below.
fn files_in(machine: &Machine, directory: &str) -> Vec<String> {
    let all = succeeds(machine.run(&["dpkg", "--listfiles", "poetryd"]));
    let is_file = |name: &&str| machine.path(name).is_file();
    let here = all.lines().filter(|name| name.starts_with(directory)).filter(is_file);
    here.map(str::to_owned).collect()
}

fn poetryd(machine: &Machine, args: &[&str]) -> String {
    succeeds(machine.run(&[&["poetryd"], args].concat()))
}

#[test]
#[ignore = "systemd, and .ci/package"]
fn everything_that_is_installed_works() {
    let machine = boot_with_package();

    // The examples and the manifests name poems that are there, wherever one runs them.
    let examples = files_in(&machine, "/usr/share/doc/poetryd/examples/");
    let examples: Vec<_> = examples.iter().filter(|name| name.ends_with(".toml")).collect();
    assert!(examples.len() >= 8, "{examples:?}");
    for example in examples {
        poetryd(&machine, &["check", example]);
    }
    let manifests = files_in(&machine, "/usr/share/poetryd/plugins/");
    assert_eq!(manifests, ["/usr/share/poetryd/plugins/twopoems.toml"]);
    poetryd(&machine, &["check", "twopoems"]);

    // The file that the first line of the application file names.
    let file = std::fs::read_to_string(machine.path(crate::FILE)).unwrap();
    let schema = file.lines().next().unwrap().strip_prefix("#:schema file://").unwrap();
    let schema = std::fs::read(machine.path(schema)).unwrap();
    serde_json::from_slice::<serde_json::Value>(&schema).unwrap();

    for page in ["1/poetryd.1", "1/get-poetry.1", "5/poetryd.toml.5"] {
        let file = machine.path(&format!("/usr/share/man/man{page}.gz"));
        let mut gunzip = crate::support::command("gunzip");
        let text = crate::support::run({
            gunzip.arg("--stdout").arg(&file);
            gunzip
        });
        assert!(text.stdout.starts_with(b".TH "), "{page}");
    }
    let completed = r#"
        . /usr/share/bash-completion/completions/poetryd
        COMP_WORDS=(poetryd twop) COMP_CWORD=1
        _clap_complete_poetryd poetryd twop poetryd 2> /dev/null
        echo "${COMPREPLY[@]}""#;
    assert_eq!(succeeds(machine.run(&["bash", "-c", completed])).trim(), "twopoems");
}
