//! Whatever a manifest says, reading it ends in a manifest or in mistakes.

use poetryd::config::{self, Kind, Literal, Literals, Registry, Section, read};
use poetryd::plugin::Manifest;
use poetryd::poetry;
use poetryd::service::{MultiService, Service};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::cell::RefCell;
use std::sync::Arc;

proptest! {
    #[test]
    fn any_text_is_a_manifest_or_has_mistakes(text in any::<String>()) {
        let _ = parse(text);
    }

    #[test]
    fn any_heap_of_lines_is_a_manifest_or_has_mistakes(lines in vec(line(), 0..20)) {
        let _ = parse(lines.join("\n"));
    }

    /// What somebody has on the screen half-way through an edit.
    #[test]
    fn any_manifest_with_a_piece_cut_out_or_put_in_has_an_answer(
        manifest in manifest(),
        place in any::<prop::sample::Index>(),
        length in 0..20usize,
        put in "[\\[\\]{}=\"'#.\n\t\\\\a0é-]{0,4}",
    ) {
        let text: Vec<char> = manifest.text().chars().collect();
        let from = place.index(text.len());
        let rest = text.iter().skip(from + length);
        let _ = parse(text[..from].iter().copied().chain(put.chars()).chain(rest.copied()).collect());
    }

    #[test]
    fn a_right_manifest_keeps_its_name_and_description(manifest in manifest()) {
        let parsed = parse(manifest.text()).map_err(TestCaseError::fail)?;
        prop_assert_eq!(parsed.name(), manifest.name);
        prop_assert_eq!(parsed.description(), manifest.description);
    }

    #[test]
    fn a_name_in_braces_that_no_option_has_is_a_mistake(manifest in manifest(), name in "[a-z]{14}") {
        let text = format!("{}note = \"<{{{name}}}>\"\n", manifest.text());
        let mistake = parse(text).err().unwrap_or_default();
        prop_assert!(mistake.contains(&name), "{mistake}");
    }

    #[test]
    fn a_value_arrives_unchanged(text in any::<String>(), number: i64, fraction: f64, flag: bool) {
        prop_assume!(fraction.is_finite());
        let literals = Literals::from([
            ("text".into(), Literal::Text(text.clone())),
            ("number".into(), Literal::Bare(number.to_string())),
            ("fraction".into(), Literal::Bare(format!("{fraction:?}"))),
            ("flag".into(), Literal::Bare(flag.to_string())),
        ]);
        let template = "[services.s]\nkind = \"seen\"\ntext = \"{text}\"\nwithin = \"<{text}|{number}>\"\n\
                        number = \"{number}\"\nfraction = \"{fraction}\"\nflag = \"{flag}\"\n";
        let mut registry = Registry::new();
        registry.kind::<Seen>("seen");
        let made = config::parse_template("t.toml", template, &registry, &literals, |_| ());
        prop_assert!(made.is_ok(), "{}", made.err().unwrap());
        let within = format!("<{text}|{number}>");
        prop_assert_eq!(SEEN.take(), Some(Seen { text, within, number, fraction, flag }));
    }

    #[test]
    fn any_template_has_an_answer(lines in vec(line(), 0..20), value in any::<String>()) {
        let literals = Literals::from([("port".into(), Literal::Bare(value))]);
        let _ = config::parse_template("t.toml", &lines.join("\n"), &registry(), &literals, |_| ());
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    poetry::register(&mut registry);
    registry
}

fn parse(text: String) -> Result<Manifest, String> {
    let parsed = Manifest::parse("m.toml".into(), text, &Arc::new(registry()));
    parsed.map_err(|e| e.to_string())
}

/// Settings as they were read.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    text: String,
    within: String,
    number: i64,
    fraction: f64,
    flag: bool,
}

thread_local! {
    /// What was read last on this thread.
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
}

impl Kind for Seen {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let number = |value: &config::Value<'_>| value.as_integer().ok_or("an integer".into());
        let fraction = |value: &config::Value<'_>| value.as_float().ok_or("a float".into());
        let seen = Self {
            text: section.required("text", read::string)?,
            within: section.required("within", read::string)?,
            number: section.required("number", number)?,
            fraction: section.required("fraction", fraction)?,
            flag: section.required("flag", read::boolean)?,
        };
        SEEN.set(Some(seen.clone()));
        Some(seen)
    }

    fn service(&self) -> Box<dyn Service> {
        Box::new(MultiService::new())
    }
}

/// A line of a manifest, or of something like it.
fn line() -> impl Strategy<Value = String> {
    let lines = prop::sample::select(vec![
        "name = \"night\"",
        "name = 'x",
        "name =",
        "\u{feff}",
        "description = \"\"\"",
        "[[options]]",
        "[options]",
        "options = [1, {name = \"x\"}]",
        "name = \"port\"",
        "short = \"p\"",
        "short = \"é\"",
        "type = \"port\"",
        "type = \"number\"",
        "default = 0x7FFF_FFFF_FFFF_FFFF",
        "default = -inf",
        "default = [[]]",
        "[services]",
        "[services.a.services.b]",
        "services = 3",
        "kind = \"tcp\"",
        "kind = \"{port}\"",
        "port = \"{port}\"",
        "poem = \"{{{port}}}{\"",
        "file = { a = \"}\", b = [\"{x}\"] }",
    ]);
    prop_oneof![lines.prop_map(str::to_owned), "[ -~é\t]{0,30}"]
}

/// A manifest without mistakes.
#[derive(Clone, Debug)]
struct Right {
    name: String,
    description: String,
    /// By name: type and default.
    options: Vec<(String, (&'static str, String))>,
}

fn manifest() -> impl Strategy<Value = Right> {
    let value = prop_oneof![
        any::<String>().prop_map(|text| ("string", quoted(&text))),
        "[a-z/. ]{1,20}".prop_map(|text| ("path", quoted(&text))),
        any::<i64>().prop_map(|number| ("integer", number.to_string())),
        any::<f64>()
            .prop_filter("a number", |number| number.is_finite())
            .prop_map(|number| ("number", format!("{number:?}"))),
        any::<u16>().prop_map(|port| ("port", port.to_string())),
        any::<bool>().prop_map(|flag| ("boolean", flag.to_string())),
    ];
    let word = "[a-zA-Z0-9_][a-zA-Z0-9_-]{0,12}";
    let option = word.prop_filter("--help is there already", |name| name != "help");
    let options = btree_map(option, value, 0..6).prop_map(|options| options.into_iter().collect());
    // What is shown on a line has no control characters.
    (word, "\\PC{1,40}", options).prop_map(|(name, description, options)| Right {
        name,
        description,
        options,
    })
}

impl Right {
    fn text(&self) -> String {
        let mut text =
            format!("name = \"{}\"\ndescription = {}\n", self.name, quoted(&self.description));
        for (name, (kind, default)) in &self.options {
            text += &format!(
                "[[options]]\nname = \"{name}\"\ntype = \"{kind}\"\ndefault = {default}\n"
            );
        }
        text += "[services.s]\nkind = \"poem\"\n";
        for (name, _) in &self.options {
            text += &format!("{name}-alone = \"{{{name}}}\"\n{name}-within = \"<{{{name}}}>\"\n");
        }
        text
    }
}

/// A TOML string of any text.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        ' ' | 'a'..='z' | 'A'..='Z' => c.to_string(),
        _ => format!("\\U{:08X}", c as u32),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
