//! Rust source as a list of words and signs, without comments, literals and inline tests.

/// A word or a sign (`::` is one sign), and the line that it stands on.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// The tokens of a file.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader { source, at: 0, line: 1 };
    let mut tokens = Vec::new();
    while let Some((text, line)) = reader.next() {
        tokens.push(Token { text: text.to_owned(), line });
    }
    without_inline_tests(tokens)
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(&'a str, usize)> {
        loop {
            let rest = &self.source[self.at..];
            let first = rest.chars().next()?;
            let line = self.line;
            let length = length_of_word(rest);
            if let Some(hidden) = length_of_hidden(rest) {
                self.advance(hidden);
            } else if length > 0 {
                return Some((self.advance(length), line));
            } else if rest.starts_with("::") {
                return Some((self.advance(2), line));
            } else if first.is_whitespace() {
                self.advance(first.len_utf8());
            } else {
                return Some((self.advance(first.len_utf8()), line));
            }
        }
    }

    fn advance(&mut self, length: usize) -> &'a str {
        let passed = &self.source[self.at..self.at + length];
        self.at += length;
        self.line += passed.matches('\n').count();
        passed
    }
}

fn length_of_word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// How long the comment, string or character is that the text starts with. `None`: it starts with none.
fn length_of_hidden(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(text.find("*/").map_or(text.len(), |end| end + 2));
    }
    let prefix = ["br", "cr", "r", "b", "c"].into_iter().find(|prefix| {
        let rest = text.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    });
    let prefix = prefix.unwrap_or_default();
    let hashes = text[prefix.len()..].bytes().take_while(|byte| *byte == b'#').count();
    let opening = prefix.len() + hashes;
    if prefix.contains('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        let body = &text[opening + 1..];
        return Some(body.find(&end).map_or(text.len(), |at| opening + 1 + at + end.len()));
    }
    if hashes == 0 && text[opening..].starts_with('"') {
        return Some(opening + length_of_quoted(&text[opening..], '"'));
    }
    // A lifetime has no second quote after its first letter.
    let mut letters = text.strip_prefix('\'')?.chars();
    match (letters.next()?, letters.next()) {
        ('\\', _) | (_, Some('\'')) => Some(length_of_quoted(text, '\'')),
        _ => Some(1),
    }
}

fn length_of_quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Leaves out `#[cfg(test)]` and the item after it.
fn without_inline_tests(tokens: Vec<Token>) -> Vec<Token> {
    const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut rest = &tokens[..];
    while let Some(token) = rest.first() {
        let is_cfg_test = rest.iter().map(|token| &*token.text).take(7).eq(CFG_TEST);
        if is_cfg_test {
            rest = &rest[CFG_TEST.len()..];
            rest = &rest[length_of_item(rest)..];
        } else {
            kept.push(token.clone());
            rest = &rest[1..];
        }
    }
    kept
}

/// How many tokens there are up to the `;` or the last `}` of the item.
fn length_of_item(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match &*token.text {
            "{" => depth += 1,
            "}" if depth == 1 => return at + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[test]
fn comments_and_literals_are_no_tokens_and_lines_are_counted() {
    let source = "a::b // c\n/* d\n */ e('\\'', \"f\\\"\n\", r#\"g\"h\"#, b\"i\", 'j', 'k)\n";
    let found: Vec<(String, usize)> =
        tokens(source).into_iter().map(|token| (token.text, token.line)).collect();
    let expected = [
        ("a", 1),
        ("::", 1),
        ("b", 1),
        ("e", 3),
        ("(", 3),
        (",", 3),
        (",", 4),
        (",", 4),
        (",", 4),
        (",", 4),
        ("k", 4),
        (")", 4),
    ];
    assert_eq!(found, expected.map(|(text, line)| (text.to_owned(), line)));
}

#[test]
fn inline_tests_are_left_out() {
    let source = "a; #[cfg(test)] mod tests { use b; fn c() {} } d; #[cfg(test)] mod e; f";
    let found: Vec<String> = tokens(source).into_iter().map(|token| token.text).collect();
    assert_eq!(found, ["a", ";", "d", ";", "f"]);
}
