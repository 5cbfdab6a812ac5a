//! `check --json`: the same as the text says, for editors and other programs.

use crate::support::{Sandbox, fast_toml, run, stderr, stdout};
use serde_json::{Value, json};

/// What `check --json` prints, which is one line; and its exit status.
fn checked(sandbox: &Sandbox, args: &[&str]) -> (Value, Option<i32>) {
    let output = sandbox.run(&[&["check", "--json"], args].concat());
    assert_eq!(stderr(&output), "", "everything is in the document");
    let document = stdout(&output);
    assert_eq!(document.lines().count(), 1, "{document}");
    (serde_json::from_str(&document).unwrap(), output.status.code())
}

#[test]
fn a_right_file_is_described_service_by_service() {
    let sandbox = Sandbox::new();
    let services = json!([
        { "path": "ecstasy", "would": "would load a poem from poetry/ecstasy.txt (3003 bytes)" },
        { "path": "fast", "would": "would listen on 127.0.0.1:0" },
    ]);
    let expected = json!({
        "origin": "fast.toml", "ok": true, "application": "fastpoetry", "services": services,
    });
    assert_eq!(checked(&sandbox, &["fast.toml"]), (expected, Some(0)));
}

#[test]
fn a_service_that_would_not_start_has_an_error() {
    let sandbox = Sandbox::new();
    std::fs::remove_file(sandbox.path("poetry/ecstasy.txt")).unwrap();
    let (document, status) = checked(&sandbox, &["fast.toml"]);
    assert_eq!((&document["ok"], status), (&json!(false), Some(2)));
    let [ecstasy, fast] = &document["services"].as_array().unwrap()[..] else {
        panic!("{document}")
    };
    assert_eq!((ecstasy.get("would"), &fast["path"]), (None, &json!("fast")));
    assert!(ecstasy["error"].as_str().unwrap().contains("poetry/ecstasy.txt"), "{ecstasy}");
    let text = stderr(&sandbox.run(&["check", "fast.toml"]));
    assert!(
        text.starts_with(&format!("[ecstasy] {}\n", ecstasy["error"].as_str().unwrap())),
        "{text}"
    );
}

#[test]
fn every_mistake_has_its_place() {
    let sandbox = Sandbox::new();
    let file = fast_toml("max-conections = 5").replace("port = 0", "port = 70000");
    sandbox.write("fast.toml", &file);
    let (document, status) = checked(&sandbox, &["fast.toml"]);
    let port = file.find("70000").unwrap();
    let key = file.find("max-con").unwrap();
    let expected = json!({ "origin": "fast.toml", "ok": false, "mistakes": [
        { "file": "fast.toml", "line": 10, "column": 8, "end_line": 10, "end_column": 13,
          "start": port, "end": port + 5,
          "message": "port: expected a port, a number from 0 to 65535, found 70000" },
        { "file": "fast.toml", "line": 13, "column": 1, "end_line": 13, "end_column": 15,
          "start": key, "end": key + 14,
          "message": "unknown key \"max-conections\" in service fast; did you mean \"max-connections\"?" },
    ] });
    assert_eq!((document, status), (expected, Some(2)));
}

#[test]
fn columns_count_characters_and_a_value_can_have_several_lines() {
    let sandbox = Sandbox::new();
    let file =
        "\u{feff}nmae = 1\n[services]\nx = { kind = \"poem\", file = \"詩é\", a = '''\nb\n''' }\n";
    sandbox.write("odd.toml", file);
    let (document, _) = checked(&sandbox, &["odd.toml"]);
    let place =
        |mistake: &Value, names: [&str; 4]| names.map(|name| mistake[name].as_u64().unwrap());
    let (from, to) =
        (["line", "column", "end_line", "end_column"], ["start", "end", "start", "end"]);
    let mistakes = document["mistakes"].as_array().unwrap();
    assert_eq!(place(&mistakes[0], from), [1, 1, 1, 5], "{document}");
    assert_eq!(place(&mistakes[0], to)[..2], [3, 7]);
    let a = file.find("a = '").unwrap() as u64;
    assert_eq!(place(&mistakes[1], from), [3, 35, 3, 36], "{document}");
    assert_eq!(place(&mistakes[1], to)[..2], [a, a + 1]);
    sandbox.write("long.toml", &fast_toml("").replace("port = 0", "port = '''\n0\n'''"));
    let (document, _) = checked(&sandbox, &["long.toml"]);
    assert_eq!(place(&document["mistakes"][0], from), [10, 8, 12, 4], "{document}");
}

#[test]
fn what_is_not_about_a_line_is_an_error() {
    let sandbox = Sandbox::new();
    let (document, status) = checked(&sandbox, &["nowhere.d/fast.toml"]);
    assert_eq!((&document["ok"], status), (&json!(false), Some(2)));
    let error = document["error"].as_str().unwrap();
    assert!(error.contains("nowhere.d/fast.toml: No such file"), "{document}");
    let options = ["--chroot", "/nowhere", "--pidfile", "x", "fast.toml"];
    let (text, json) =
        (sandbox.run(&[&["check"], &options[..]].concat()), checked(&sandbox, &options));
    assert_eq!(json.1, text.status.code(), "{}", json.0);
}

#[test]
fn a_plugin_and_the_built_in_application_are_named() {
    let sandbox = Sandbox::new();
    let (document, status) = checked(&sandbox, &["fastpoetry", "--port", "0"]);
    assert_eq!((&document["origin"], status), (&json!("plugin fastpoetry"), Some(0)));
    let (document, _) = checked(&sandbox, &[]);
    assert_eq!(document["origin"], "the built-in application, since there is no poetryd.toml here");
}

#[test]
fn a_wrong_command_line_is_said_in_words() {
    let sandbox = Sandbox::new();
    for args in
        [&["fastpoetry", "--prot"][..], &["--josn"], &["nothing-like-it"], &["fast.toml", "more"]]
    {
        let output = sandbox.run(&[&["check", "--json"], args].concat());
        assert_eq!((output.status.code(), &*stdout(&output)), (Some(2), ""), "{args:?}");
        assert!(!stderr(&output).is_empty());
    }
}

#[test]
fn names_from_outside_send_nothing_to_a_terminal() {
    let sandbox = Sandbox::new();
    let name = "\u{9b}31m\u{202e}.toml";
    sandbox.write(name, &fast_toml(""));
    let output = run(sandbox.poetryd(&["check", "--json", name]));
    let text = stdout(&output);
    assert!(!text.contains(['\u{9b}', '\u{202e}']), "{text:?}");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["ok"], true);
}
