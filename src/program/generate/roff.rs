//! A manual page, in the language of man(7).

use std::fmt::Write as _;

/// A page that is being written.
pub(super) struct Page(String);

impl Page {
    /// A page with its date, `2026-11-29`, and the name and version of what it comes with.
    pub(super) fn new(name: &str, section: u8, date: &str, source: &str, about: &str) -> Self {
        let (title, source) = (escaped(&name.to_uppercase()), escaped(source));
        let mut page = Self(format!(".TH \"{title}\" {section} {date} \"{source}\"\n"));
        page.heading("NAME");
        let _ = writeln!(page.0, "{} \\- {}", escaped(name), escaped(about));
        page
    }

    pub(super) fn heading(&mut self, title: &str) {
        let _ = writeln!(self.0, ".SH {}", escaped(title));
    }

    pub(super) fn subheading(&mut self, title: &str) {
        let _ = writeln!(self.0, ".SS {}", escaped(title));
    }

    /// A paragraph.
    pub(super) fn text(&mut self, text: &str) {
        let is_first = self.0.lines().last().is_some_and(|line| line.starts_with(".S"));
        if !is_first {
            self.0 += ".PP\n";
        }
        self.line(&escaped(text));
    }

    /// Lines as they are.
    pub(super) fn literally(&mut self, lines: &str) {
        self.0 += ".nf\n";
        lines.lines().for_each(|line| self.line(&escaped(line)));
        self.0 += ".fi\n";
    }

    /// A term, made by [`bold`] and [`italic`], and what is said about it.
    pub(super) fn entry(&mut self, term: &str, text: &str) {
        self.0 += ".TP\n";
        self.line(term);
        let text = if text.is_empty() { "\\&".into() } else { escaped(text) };
        self.line(&text);
    }

    /// What `write` writes, below the entry before.
    pub(super) fn below(&mut self, write: impl FnOnce(&mut Self)) {
        self.0 += ".RS\n";
        write(self);
        self.0 += ".RE\n";
    }

    fn line(&mut self, line: &str) {
        // A request would begin with one of these.
        let zero_width = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        let _ = writeln!(self.0, "{zero_width}{line}");
    }

    pub(super) fn done(self) -> String {
        self.0
    }
}

pub(super) fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escaped(text))
}

pub(super) fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", escaped(text))
}

/// A text in which nothing has a meaning of its own, on one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' => escaped += "\\e",
            '-' => escaped += "\\-",
            '\'' => escaped += "\\(aq",
            '"' => escaped += "\\(dq",
            '`' => escaped += "\\(ga",
            '^' => escaped += "\\(ha",
            '~' => escaped += "\\(ti",
            '\n' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
