//! `--json`.

use crate::servers::{Down, late_and_early, silent, up};
use crate::{assert_status, get};
use serde_json::{Value, json};
use std::process::Output;

/// The objects that were printed, one a line, without the seconds, which must be there.
pub fn objects(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let object = |line| {
        let mut object: Value = serde_json::from_str(line).unwrap();
        let seconds = object.as_object_mut().unwrap().remove("seconds").unwrap();
        assert!(seconds.as_f64().unwrap() >= 0.0, "{seconds}");
        object
    };
    text.lines().map(object).collect()
}

#[test]
fn each_server_has_its_object_in_the_order_asked() {
    let (down, (late, early)) = (Down::new(), late_and_early(b"\"late\"\n\x07", b"early"));
    let output = get(&format!("--json {late} {down} {early}"));
    let reason = format!("can't connect to {down}: Connection refused (os error 111)");
    let expected = [
        json!({"address": late.to_string(), "ok": true, "bytes": 8, "poem": "\"late\"\n\u{7}", "transformed": false, "error": null}),
        json!({"address": down.to_string(), "ok": false, "bytes": 0, "poem": null, "transformed": false, "error": reason}),
        json!({"address": early.to_string(), "ok": true, "bytes": 5, "poem": "early", "transformed": false, "error": null}),
    ];
    assert_eq!(objects(&output), expected);
    assert_status(&output, 1);
}

#[test]
fn a_poem_that_is_not_utf_8_is_an_array_of_its_bytes() {
    let output = get(&format!("--json {}", up(b"\xffA\x00")));
    assert_eq!(objects(&output)[0]["poem"], json!([255, 65, 0]));
    assert_eq!(objects(&output)[0]["bytes"], json!(3));
}

#[test]
fn an_abandoned_server_has_its_object_too() {
    let (silent, up) = (silent(), up(b"poem\n"));
    let output = get(&format!("--json --first --timeout 600 {silent} {up}"));
    let objects = objects(&output);
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0]["poem"], json!("poem\n"));
    assert_eq!(objects[1]["ok"], json!(false));
    assert_eq!(objects[1]["error"], json!(format!("{silent} was abandoned")));
    assert_status(&output, 0);
}

#[test]
fn with_a_directory_the_object_names_the_file_instead() {
    let directory = tempfile::tempdir().unwrap();
    let (path, up) = (directory.path().display(), up(b"poem\n"));
    let output = get(&format!("--json --output-dir '{path}' {up}"));
    let file = format!("{path}/127.0.0.1-{}.txt", up.address.port());
    assert_eq!(objects(&output)[0]["file"], json!(file));
    assert_eq!(objects(&output)[0]["poem"], json!(null));
    assert_eq!(std::fs::read(file).unwrap(), b"poem\n");
}
