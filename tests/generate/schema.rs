//! `generate schema`.

use crate::band::band;
use crate::support::python::python_with;
use crate::support::{Sandbox, command, fast_toml, run, stdout};
use crate::{generated, registry};
use poetryd::config;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What the validator says of each text. `None`: it accepts it.
fn verdicts(schema: &Path, texts: &[String]) -> Vec<Option<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generate/validate.py");
    let mut validator = command(python_with("jsonschema"));
    validator.arg(script).arg(schema).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut validator = validator.spawn().unwrap();
    let texts = serde_json::to_vec(texts).unwrap();
    validator.stdin.take().unwrap().write_all(&texts).unwrap();
    let output = validator.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn in_repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files in a directory with this extension.
fn files(directory: &str, extension: &str) -> Vec<String> {
    let entries = fs::read_dir(in_repository(directory)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|its| its == extension));
    paths.map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn is_accepted(text: &str) -> bool {
    let runner = |top: &mut config::Section<'_>| {
        // Other tests have the values of these tables.
        top.table("daemon", |_| ());
        top.table("log", |_| ());
    };
    config::parse("some.toml", text, &registry(), runner).is_ok()
}

/// Values of every type.
const VALUES: [&str; 34] = [
    "0",
    "1",
    "-1",
    "0.5",
    "1.0",
    "30",
    "65535",
    "65536",
    "1000000001",
    "9223372036854775807",
    "inf",
    "nan",
    "1e300",
    "true",
    "false",
    "\"\"",
    "\"a\"",
    "\"0\"",
    "\"777\"",
    "\"0777\"",
    "\"778\"",
    "\"64kB\"",
    "\"64 kB\"",
    "\"1 apple\"",
    "\"on-failure\"",
    "\"localhost:1\"",
    "\"poem\"",
    "\"fast\"",
    "\"a\\u0000\"",
    "[]",
    "[\"a\"]",
    "[1]",
    "{}",
    "1979-05-27",
];

/// A file for each key and each value: those that the checker accepts must be among those that the schema accepts.
fn files_with_each_value() -> Vec<String> {
    let registry = registry();
    let poem = "[services.poem]\nkind = \"poem\"\nfile = \"poem.txt\"\n";
    let required = |keys: &[config::KeyInfo]| -> String {
        let value = |key: &str| match key {
            "port" => "0",
            "upstream" | "to" => "\"localhost:1\"",
            _ => "\"poem\"",
        };
        let keys = keys.iter().filter(|key| key.required && key.key != "protocol");
        keys.map(|key| format!("{} = {}\n", key.key, value(&key.key))).collect()
    };
    let mut texts = Vec::new();
    let mut add = |head: &str, others: &str, keys: &[config::KeyInfo]| {
        for key in keys {
            let is_other = |line: &&str| !line.starts_with(&format!("{} = ", key.key));
            let others: Vec<&str> = others.lines().filter(is_other).collect();
            for value in VALUES {
                let key = &key.key;
                texts.push(format!(
                    "{poem}[services.it]\n{head}{}\n{key} = {value}\n",
                    others.join("\n")
                ));
            }
        }
    };
    for kind in registry.kinds().into_iter().filter(|kind| *kind != "group") {
        let keys = registry.keys_of_kind(kind).unwrap();
        let head = format!("kind = \"{kind}\"\n");
        let own = required(&keys);
        if !keys.iter().any(|key| key.key == "protocol") {
            let own = if kind == "status" { "port = 0\n".to_owned() } else { own };
            add(&head, &own, &keys);
            add(&head, &format!("{own}restart = \"always\"\n"), &registry.keys_of_every_service());
            continue;
        }
        for protocol in registry.protocols() {
            let its = registry.keys_of_protocol(protocol).unwrap();
            let all = format!("protocol = \"{protocol}\"\n{own}{}", required(&its));
            add(&head, &all, &keys);
            add(&head, &all, &its);
        }
    }
    texts
}

pub fn what_the_checker_accepts_the_schema_accepts() {
    let sandbox = Sandbox::new();
    let schema = sandbox.path("schema.json");
    fs::write(&schema, generated(&sandbox, &["schema"])).unwrap();
    let mut texts = files("config", "toml");
    let shipped = texts.len();
    for kinds in [
        &[][..],
        &["poem"],
        &["quote", "status"],
        &["unix:slow", "group"],
        &["tcp:proxy", "forward", "transform"],
    ] {
        texts.push(generated(&sandbox, &[&["config"], kinds].concat()));
    }
    let right = texts.len();
    let snapshots = files("src/config/tests/snapshots", "snap");
    let text = |snapshot: &String| {
        let body = snapshot.splitn(3, "---\n").nth(2).unwrap_or_default();
        body.split("\n========\n").next().unwrap().to_owned()
    };
    texts.extend(snapshots.iter().map(text));
    let mistakes = texts.len();
    texts.extend(files_with_each_value());
    let verdicts = verdicts(&schema, &texts);
    let (mut accepted, mut refused, mut refused_by_both) = (0, 0, 0);
    for (index, (text, verdict)) in texts.iter().zip(&verdicts).enumerate() {
        match (index < right || is_accepted(text), verdict) {
            (true, None) => accepted += 1,
            (true, Some(error)) => panic!("the schema refuses what is right: {error}\n{text}"),
            (false, Some(_)) => (refused, refused_by_both) = (refused + 1, refused_by_both + 1),
            (false, None) => refused += 1,
        }
    }
    let of_snapshots = verdicts[right..mistakes].iter().filter(|verdict| verdict.is_some()).count();
    let report = format!(
        "{accepted} right, {refused_by_both} of {refused} wrong ones refused, {of_snapshots} of {} snapshots",
        mistakes - right
    );
    println!("{report}");
    assert!(shipped >= 8 && accepted > 300, "{report}");
    // It knows nothing of other services, of addresses, and of how readers in Rust see a text.
    assert!(refused_by_both * 10 > refused * 8 && of_snapshots * 2 > mistakes - right, "{report}");
}

/// As above, for the tables that only the program itself can read.
pub fn what_the_checker_accepts_in_the_tables_of_the_runner_the_schema_accepts() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("schema.json");
    let schema = generated(&sandbox, &["schema"]);
    fs::write(&path, &schema).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let mut texts = Vec::new();
    for table in ["daemon", "log"] {
        for key in schema["properties"][table]["properties"].as_object().unwrap().keys() {
            let values = VALUES.iter().chain(&[
                "\"day\"",
                "\"json\"",
                "\"debug\"",
                "\"local0\"",
                "\"027\"",
                "2048",
            ]);
            texts.extend(values.map(|value| {
                format!("[{table}]\n{key} = {value}\n{}", fast_toml("").replace("name =", "#"))
            }));
        }
    }
    let mut accepted = 0;
    for (text, verdict) in texts.iter().zip(verdicts(&path, &texts)) {
        sandbox.write("fast.toml", text);
        let checked: Value =
            serde_json::from_str(&stdout(&sandbox.run(&["check", "--json", "fast.toml"]))).unwrap();
        let is_accepted = checked.get("mistakes").is_none();
        assert!(
            !is_accepted || verdict.is_none(),
            "the schema refuses what is right: {verdict:?}\n{text}"
        );
        accepted += usize::from(is_accepted);
    }
    assert!(accepted > 100, "{accepted} of {}", texts.len());
}

pub fn other_programs_have_a_schema_of_their_kinds() {
    let sandbox = Sandbox::new();
    let schema = sandbox.path("schema.json");
    fs::write(&schema, stdout(&run(band(&sandbox, &["generate", "schema"])))).unwrap();
    let metronome = |line: &str| format!("[services.it]\nkind = \"metronome\"\n{line}\n");
    let right = [
        "tempo = \"presto\"",
        "tempo = 3",
        "tempo = 3\nvolume = 11\nticks = true",
        "tempo = 3\nvolume = \"quiet\"",
        "tempo = 3\nanything = [1979-05-27]",
    ];
    let wrong = [
        "",
        "tempo = true",
        "tempo = 0.5",
        "tempo = 3\nticks = 1",
        "tempo = 3\nvolume = 12",
        "tempo = 3\nvolum = 1",
    ];
    let texts: Vec<String> = right.iter().chain(&wrong).map(|line| metronome(line)).collect();
    for (index, (text, verdict)) in texts.iter().zip(verdicts(&schema, &texts)).enumerate() {
        assert_eq!(verdict.is_none(), index < right.len(), "{verdict:?}\n{text}");
    }
    let singer = |line: &str| {
        let beat = metronome("tempo = 3");
        format!(
            "{beat}[services.she]\nkind = \"singer\"\nbeat = \"it\"\ntext = \"la\"\nport = 0\n{line}\n"
        )
    };
    let right = [
        "",
        "times = 3",
        "voice = \"top\"",
        "with = [\"him\"]",
        "loud = true",
        "write-timeout = 0.5",
    ];
    let wrong = ["voice = \"tenor\"", "with = \"him\"", "loud = \"yes\"", "wiht = [\"him\"]"];
    let texts: Vec<String> = right.iter().chain(&wrong).map(|line| singer(line)).collect();
    for (index, (text, verdict)) in texts.iter().zip(verdicts(&schema, &texts)).enumerate() {
        assert_eq!(verdict.is_none(), index < right.len(), "{verdict:?}\n{text}");
        sandbox.write("band.toml", text);
        let is_right = run(band(&sandbox, &["check"])).status.success();
        assert!(verdict.is_none() || !is_right, "{text}");
    }
}

pub fn the_schema_says_what_each_key_does() {
    let sandbox = Sandbox::new();
    let schema: Value = serde_json::from_str(&generated(&sandbox, &["schema"])).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let service = &schema["definitions"]["service"];
    let kinds: BTreeSet<&str> = service["properties"]["kind"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(kinds, registry().kinds().into_iter().collect());
    let branches = service["allOf"].as_array().unwrap();
    let tcp = branches.iter().find(|b| b["if"]["properties"]["kind"]["const"] == "tcp").unwrap();
    let port = &tcp["then"]["properties"]["port"];
    assert_eq!((&port["minimum"], &port["maximum"]), (&0.into(), &65535.into()), "{tcp:#}");
    assert_eq!(port["description"], "The port; 0 means any free one");
    assert_eq!(tcp["then"]["properties"]["backlog"]["default"], 4096);
    let keys: Vec<&Value> = ["daemon", "log"]
        .iter()
        .flat_map(|t| schema["properties"][t]["properties"].as_object().unwrap().values())
        .collect();
    assert!(keys.len() > 20 && keys.iter().all(|key| key["description"].is_string()), "{keys:?}");
    assert_eq!(schema["properties"]["log"]["properties"]["level"]["default"], "info");
}
