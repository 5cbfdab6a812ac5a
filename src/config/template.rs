//! Placeholders for values: `"{port}"` in a file is replaced by the value of `port`.

use super::diagnostic::{Diagnostics, suggestion};
use crate::value::quoted;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// The value of a name in braces.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A string.
    Text(String),
    /// A number or boolean, as TOML writes it.
    Bare(String),
}

impl Literal {
    /// The value, as it appears within a longer string.
    pub fn as_text(&self) -> &str {
        match self {
            Literal::Text(text) | Literal::Bare(text) => text,
        }
    }
}

/// The names in braces that a file may use, and their values.
pub type Literals = BTreeMap<String, Literal>;

/// Replaces names by their values within a table and everything below it.
///
/// A string that is exactly `"{name}"` becomes the value, with its type. Within a longer string, `{name}` is
/// replaced by the value's text. `{{` and `}}` are literal braces.
pub(super) fn fill_in<'a>(
    table: &mut DeTable<'a>,
    literals: &'a Literals,
    diagnostics: &mut Diagnostics,
) {
    for (_, value) in table.iter_mut() {
        let span = value.span();
        fill_in_value(value.get_mut(), span, literals, diagnostics);
    }
}

fn fill_in_value<'a>(
    value: &mut DeValue<'a>,
    span: Range<usize>,
    literals: &'a Literals,
    diagnostics: &mut Diagnostics,
) {
    match value {
        DeValue::Table(table) => fill_in(table, literals, diagnostics),
        DeValue::Array(array) => {
            for value in array.iter_mut() {
                let span = value.span();
                fill_in_value(value.get_mut(), span, literals, diagnostics);
            }
        }
        DeValue::String(text) if text.contains(['{', '}']) => match expand(text, literals) {
            Ok(expanded) => *value = expanded,
            Err(mistake) => diagnostics.wrong(span, mistake),
        },
        _ => {}
    }
}

/// The value of a string with braces in it.
fn expand<'a>(text: &str, literals: &'a Literals) -> Result<DeValue<'a>, String> {
    let whole = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    if let Some(literal) = whole.and_then(|name| literals.get(name)) {
        return Ok(match literal {
            Literal::Text(text) => DeValue::String(Cow::Borrowed(text)),
            Literal::Bare(text) => parse_bare(text),
        });
    }
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        expanded.push_str(&rest[..at]);
        let brace = &rest[at..];
        if let Some(behind) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
            expanded.push_str(&brace[..1]);
            rest = behind;
            continue;
        }
        let named = brace.strip_prefix('{').and_then(|brace| brace.split_once('}'));
        let Some((name, behind)) = named else {
            return Err("a single brace; write two of them for a literal brace".into());
        };
        let Some(literal) = literals.get(name) else {
            let names: Vec<&str> = literals.keys().map(String::as_str).collect();
            return Err(format!(
                "there is no option {}; {}",
                quoted(name),
                suggestion(name, &names)
            ));
        };
        expanded.push_str(literal.as_text());
        rest = behind;
    }
    expanded.push_str(rest);
    Ok(DeValue::String(Cow::Owned(expanded)))
}

/// A number or boolean. Text that is neither stays text, and is refused by its reader.
fn parse_bare(text: &str) -> DeValue<'_> {
    match DeValue::parse(text) {
        Ok(value) => value.into_inner(),
        Err(_) => DeValue::String(Cow::Borrowed(text)),
    }
}

#[cfg(test)]
mod tests;
