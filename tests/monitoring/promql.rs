//! Which metrics an expression of PromQL names.

/// The words that are neither metrics nor functions.
const KEYWORDS: [&str; 6] = ["and", "bool", "offset", "or", "unless", "atan2"];

/// The words that labels in parentheses follow.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// The names of the metrics in an expression, each as often as it is there.
pub fn metrics(expression: &str) -> Vec<String> {
    let (mut metrics, mut rest, mut labels_follow) = (Vec::new(), expression, false);
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '{' => after(rest, '}'),
            '[' => after(rest, ']'),
            '(' if labels_follow => after(rest, ')'),
            c if is_of_a_word(c) => rest.find(|c| !is_of_a_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (word, remainder) = rest.split_at(length);
        rest = remainder.trim_start();
        labels_follow = BEFORE_LABELS.contains(&word);
        let is_name = c.is_ascii_alphabetic() || c == '_' || c == ':';
        let is_function = rest.starts_with('(') || ["by", "without"].contains(&first_word(rest));
        if is_name && !is_function && !labels_follow && !KEYWORDS.contains(&word) {
            metrics.push(word.to_owned());
        }
    }
    metrics
}

/// How long the text is up to the end of these parentheses. A string in them may have parentheses, too.
fn after(text: &str, end: char) -> usize {
    let (mut in_string, mut is_escaped) = (false, false);
    for (place, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if in_string => is_escaped = true,
            '"' => in_string = !in_string,
            c if c == end && !in_string => return place + 1,
            _ => {}
        }
    }
    panic!("no {end} in {text}");
}

fn is_of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

fn first_word(text: &str) -> &str {
    text.split(|c| !is_of_a_word(c)).next().unwrap_or_default()
}

/// The expressions of a file with rules.
pub fn expressions(rules: &str) -> Vec<String> {
    let mut lines = rules.lines().peekable();
    let mut expressions = Vec::new();
    let indent = |line: &str| line.len() - line.trim_start().len();
    while let Some(line) = lines.next() {
        let Some(first) = line.trim_start().strip_prefix("expr:") else { continue };
        let mut expression = first.trim().trim_start_matches(['>', '|', '-']).to_owned();
        while let Some(next) = lines.next_if(|next| indent(next) > indent(line)) {
            expression = expression + " " + next.trim();
        }
        expressions.push(expression.trim().to_owned());
    }
    expressions
}

#[test]
fn metrics_are_told_from_everything_else() {
    for (expression, expected) in [
        ("up{job=\"a}b\"} == 0", &["up"][..]),
        ("sum by (a, b) (rate(x_total{a=~\"$a\"}[$__rate_interval])) > 3", &["x_total"]),
        ("sum(x) by (a) / on (c) group_left (d) y unless bool_like", &["x", "y", "bool_like"]),
        ("time() - (x > 0) and on (job, instance) y", &["x", "y"]),
        ("1 * (s{state=\"running\"} == 1) or 2e3 * s offset 5m", &["s", "s"]),
        ("max(x) or y", &["x", "y"]),
        ("x and on (a) y", &["x", "y"]),
    ] {
        assert_eq!(metrics(expression), expected, "{expression}");
    }
}

#[test]
fn expressions_may_have_several_lines() {
    let rules = "- alert: a\n  expr: up == 0\n  for: 1m\n- alert: b\n  expr: >-\n    a\n    or\n    b\n  for: 2m\n";
    assert_eq!(expressions(rules), ["up == 0", "a or b"]);
}
