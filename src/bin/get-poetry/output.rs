//! Where poems go: to standard output as they are or as JSON, or to files.

use crate::command_line::CommandLine;
use crate::files::Directory;
use crate::request::{Failure, Outcome, Poem, Transformation};
use crate::standard_output;
use anyhow::Context;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};

/// The beginning of the message when standard output can't be written to.
pub const NOT_WRITTEN: &str = "can't write to standard output";

/// Where poems go.
pub struct Output {
    /// Where poems or objects are printed, if anything is printed.
    printer: Option<File>,
    json: bool,
    directory: Option<Directory>,
    /// Whether progress lines are written to the terminal that poems are printed on.
    shares_terminal: bool,
    /// Whether the last poem printed did not end in a newline.
    within_line: bool,
}

/// A line of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    address: String,
    ok: bool,
    bytes: usize,
    seconds: f64,
    transformed: bool,
    poem: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    error: Option<String>,
}

/// A poem in JSON, whose strings are Unicode.
#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl Output {
    /// # Errors
    /// If the directory for the poems can't be created, or standard output is needed and closed.
    pub fn new(asked: &CommandLine, shares_terminal: bool) -> anyhow::Result<Self> {
        let directory = asked.output_dir.as_ref().map(|path| {
            Directory::new(path, &asked.addresses)
                .with_context(|| format!("can't create the directory {}", path.display()))
        });
        let directory = directory.transpose()?;
        let printer = asked.prints().then(standard_output::open).transpose();
        let printer = printer.context(NOT_WRITTEN)?;
        Ok(Self { printer, json: asked.json, directory, shares_terminal, within_line: false })
    }

    /// Writes the outcome of a request. A poem that can't be written to its file becomes a failure.
    ///
    /// # Errors
    /// If standard output can't be written to.
    pub fn deliver(&mut self, mut outcome: Outcome) -> io::Result<Outcome> {
        if let (Some(directory), Ok(poem)) = (&self.directory, &outcome.poem)
            && let Err(source) = directory.save(outcome.index, &poem.bytes)
        {
            outcome.poem = Err(Failure::Save { path: directory.file(outcome.index), source });
        }
        match &outcome.poem {
            _ if self.json => self.report(&outcome)?,
            Ok(poem) if self.directory.is_none() => self.print(&poem.bytes)?,
            _ => {}
        }
        Ok(outcome)
    }

    fn print(&mut self, poem: &[u8]) -> io::Result<()> {
        let Some(printer) = &mut self.printer else { return Ok(()) };
        if self.within_line {
            printer.write_all(b"\n")?;
        }
        printer.write_all(poem)?;
        self.within_line = !poem.ends_with(b"\n");
        if self.within_line && self.shares_terminal {
            printer.write_all(b"\n")?;
            self.within_line = false;
        }
        Ok(())
    }

    fn report(&mut self, outcome: &Outcome) -> io::Result<()> {
        let mut line = serde_json::to_vec(&self.describe(outcome))?;
        line.push(b'\n');
        self.printer.as_mut().map_or(Ok(()), |printer| printer.write_all(&line))
    }

    fn describe<'a>(&self, outcome: &'a Outcome) -> Report<'a> {
        let poem = outcome.poem.as_ref();
        let content = |poem: &'a Poem| match str::from_utf8(&poem.bytes) {
            Ok(text) => Content::Text(text),
            Err(_) => Content::Bytes(&poem.bytes),
        };
        let file = |directory: &Directory| directory.file(outcome.index).display().to_string();
        Report {
            address: outcome.address.to_string(),
            ok: poem.is_ok(),
            bytes: poem.map_or(0, |poem| poem.bytes.len()),
            seconds: outcome.duration.as_secs_f64(),
            transformed: poem.is_ok_and(|p| matches!(p.transformation, Transformation::Done)),
            poem: poem.ok().filter(|_| self.directory.is_none()).map(content),
            file: self.directory.as_ref().filter(|_| poem.is_ok()).map(file),
            error: match poem {
                Ok(Poem { transformation: Transformation::Failed(e), .. }) => Some(e.to_string()),
                Ok(_) => None,
                Err(failure) => Some(failure.to_string()),
            },
        }
    }
}
