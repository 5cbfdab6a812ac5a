//! A strict reader of both formats of metrics.

use std::collections::{BTreeMap, BTreeSet};

/// The value of each series, by its name and its labels as they are written.
pub type Values = BTreeMap<String, f64>;

/// Reads a text in the format OpenMetrics 1.0.0.
pub fn open_metrics(text: &str) -> Values {
    let body = text.strip_suffix("# EOF\n").expect("the end is marked");
    assert!(!body.lines().any(|line| line == "# EOF"), "{text}");
    read(body, true)
}

/// Reads a text in Prometheus's own format.
pub fn prometheus(text: &str) -> Values {
    let is_of_other = |line: &str| line == "# EOF" || line.starts_with("# UNIT");
    assert!(!text.lines().any(is_of_other), "{text}");
    read(text, false)
}

fn read(text: &str, is_open_metrics: bool) -> Values {
    assert!(text.ends_with('\n'));
    let (mut values, mut families) = (Values::new(), BTreeSet::new());
    let mut lines = text.split_terminator('\n').peekable();
    while let Some(line) = lines.next() {
        let (family, help) = after(line, "# HELP ").split_once(' ').unwrap();
        assert!(families.insert(family.to_owned()), "{family} comes twice");
        check_escapes(help, is_open_metrics);
        let (named, kind) = after(lines.next().unwrap(), "# TYPE ").split_once(' ').unwrap();
        assert_eq!(named, family);
        if let Some(unit) = lines.next_if(|line| line.starts_with("# UNIT ")) {
            let (named, unit) = after(unit, "# UNIT ").split_once(' ').unwrap();
            assert!(named == family && family.ends_with(&format!("_{unit}")), "{family} {unit}");
        }
        let name = match (kind, is_open_metrics) {
            ("counter", true) => format!("{family}_total"),
            ("counter", false) => family.to_owned(),
            ("gauge", _) => family.to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        assert!(is_name(&name), "{name}");
        let mut count = 0;
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            count += 1;
            let (series, value) = series(line, &name);
            assert!(values.insert(series, value).is_none(), "twice: {line}");
        }
        assert!(count > 0, "{family} has no series");
    }
    values
}

fn after<'a>(line: &'a str, mark: &str) -> &'a str {
    line.strip_prefix(mark).unwrap_or_else(|| panic!("expected {mark:?}: {line:?}"))
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn check_escapes(text: &str, has_quotes: bool) {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        assert!(c != '"' || !has_quotes, "a quote in {text:?}");
        if c == '\\' {
            let next = chars.next();
            let known = matches!(next, Some('\\' | 'n')) || has_quotes && next == Some('"');
            assert!(known, "{text:?}");
        }
    }
}

/// A line such as `name{a="1",b="2"} 3`.
fn series(line: &str, name: &str) -> (String, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let labels = series.strip_prefix(name).unwrap_or_else(|| panic!("{line} is not in {name}"));
    let mut names = BTreeSet::new();
    let mut rest = match labels {
        "" => "",
        labels => labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap(),
    };
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").unwrap();
        assert!(is_name(label) && !label.starts_with("__"), "{line}");
        assert!(names.insert(label), "{label} twice: {line}");
        let mut escaped = false;
        let end = after.find(|c| match (c, escaped) {
            ('"', false) => true,
            (_, was) => {
                escaped = c == '\\' && !was;
                false
            }
        });
        let (value, after) = after.split_at(end.unwrap());
        check_escapes(value, true);
        rest = &after[1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    (series.to_owned(), value.parse().unwrap_or_else(|e| panic!("{line}: {e}")))
}

/// The only series that has all of these parts.
pub fn one(values: &Values, name: &str, parts: &[&str]) -> f64 {
    let is_it = |series: &&String| {
        let rest = series.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
            && parts.iter().all(|part| series.contains(part))
    };
    let found: Vec<&String> = values.keys().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{name} {parts:?}: {found:?} in {:?}", values.keys());
    values[found[0]]
}
