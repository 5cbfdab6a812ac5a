use super::*;
use proptest::prelude::*;

fn literals() -> Literals {
    let text = Literal::Text("a poem".into());
    let bare = Literal::Bare("10000".into());
    Literals::from([("poem".into(), text), ("port".into(), bare)])
}

fn expanded(text: &str) -> Result<String, String> {
    let literals = literals();
    expand(text, &literals).map(|value| match value {
        DeValue::String(text) => format!("{text:?}"),
        other => format!("{other:?}").split('(').next().unwrap_or_default().to_owned(),
    })
}

#[test]
fn a_name_alone_has_the_type_of_its_value() {
    assert_eq!(expanded("{poem}"), Ok("\"a poem\"".into()));
    assert_eq!(expanded("{port}"), Ok("Integer".into()));
}

#[test]
fn names_within_a_string_are_filled_in() {
    assert_eq!(expanded("{poem} on {port}!"), Ok("\"a poem on 10000!\"".into()));
    assert_eq!(expanded("{{{port}}}"), Ok("\"{10000}\"".into()));
    assert_eq!(expanded("{{port}}"), Ok("\"{port}\"".into()));
}

#[test]
fn what_is_not_a_name_is_refused() {
    assert!(expanded("{prot}").unwrap_err().contains("did you mean \"port\"?"));
    assert!(expanded("{port").unwrap_err().contains("single brace"));
    assert!(expanded("port}").unwrap_err().contains("single brace"));
    assert!(expanded("{}").unwrap_err().contains("no option \"\""));
}

proptest! {
    #[test]
    fn any_text_is_expanded_or_refused(text in "[{}portem ]{0,40}") {
        let _ = expanded(&text);
    }

    #[test]
    fn text_comes_back_when_its_braces_are_doubled(text in any::<String>()) {
        let doubled = text.replace('{', "{{").replace('}', "}}");
        prop_assert_eq!(expanded(&doubled), Ok(format!("{text:?}")));
    }

    #[test]
    fn a_value_is_never_looked_at_again(value in any::<String>()) {
        let literals = Literals::from([("name".into(), Literal::Text(value.clone()))]);
        let Ok(DeValue::String(expanded)) = expand("<{name}>", &literals) else { panic!() };
        prop_assert_eq!(expanded.into_owned(), format!("<{value}>"));
    }
}
