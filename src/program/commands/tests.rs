use super::*;

#[test]
fn json_is_on_one_line_and_moves_no_cursor() {
    let text = "{\"a\": \"\\u001b é \u{9b}31m \u{202e} \u{1f339}\",\n\"b\": 1}\n";
    let line = harmless_json(text);
    assert_eq!(line, "{\"a\": \"\\u001b é \\u009b31m \\u202e \\ud83c\\udf39\",\"b\": 1}\n");
    let (read, meant): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(&line).unwrap(), serde_json::from_str(text).unwrap());
    assert_eq!(read, meant);
}
