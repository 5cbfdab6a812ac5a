//! Somebody who types a page from top to bottom.

use crate::output::{comparable, matches};
use crate::pages::{Block, Page};
use crate::shell::{Printed, Program, Shell};
use crate::support::until;
use std::path::PathBuf;
use std::process::Command;

/// Blocks with one of these attributes are not run, for the reason beside it. Each is named in `not-run:NAME`.
pub const NOT_RUN: &[(&str, &str)] =
    &[("engine", "it needs a container engine, and images from the network")];

/// Where a page is typed.
pub trait Place {
    /// The shell that the page is typed into.
    fn bash(&self) -> Command;

    /// What the shell does first.
    fn preparation(&self) -> String;

    /// A line that a program has printed here as the page would show it; or one that the page shows as it would be
    /// printed here. `None`: there is no such line here.
    fn as_shown(&self, line: &str) -> Option<String>;

    /// Writes a file that the page shows.
    fn write(&self, name: &str, text: &str);

    /// A directory for what is none of the page's.
    fn outputs(&self) -> PathBuf;

    /// Whether there is a program of this name.
    fn has(&self, program: &str) -> bool;

    /// What the page should have stopped, and has not.
    fn left_running(&self) -> Vec<String>;
}

/// Types a page: every console block in the order in which it stands, and every file that the page has its reader
/// write. What is printed has to be what the page shows, and nothing may be left running.
///
/// # Panics
/// If the page is not true.
pub fn type_in(page: &Page, place: &dyn Place) {
    let mut session = Session { shell: Shell::new(place), place, terminals: Vec::new() };
    for block in page.blocks() {
        let at = format!("{}, line {}", page.name, block.line);
        if let Some(file) = block.value("file") {
            session.place.write(file, &block.text);
        }
        if block.language == "console" && session.is_run(&block, &at) {
            session.run(&block, &at);
        }
    }
    assert!(session.terminals.is_empty(), "{}: a program in the foreground goes on", page.name);
    until(&format!("{} leaves {:?} running", page.name, session.place.left_running()), || {
        session.place.left_running().is_empty()
    });
}

struct Session<'a> {
    place: &'a dyn Place,
    shell: Shell,
    /// What runs in the foreground of other terminals, and what it has been shown to print so far.
    terminals: Vec<(Program, Vec<String>)>,
}

/// A line that is typed, and the lines shown below it.
struct Step<'a> {
    typed: Option<&'a str>,
    shown: Vec<String>,
}

impl Session<'_> {
    fn is_run(&self, block: &Block, at: &str) -> bool {
        if let Some(reason) = block.value("not-run") {
            assert!(NOT_RUN.iter().any(|(name, _)| *name == reason), "{at}: no reason {reason:?}");
            return false;
        }
        let missing = block.value("needs").filter(|program| !self.place.has(program));
        if let Some(program) = missing {
            println!("not tested: {at} needs {program}");
        }
        missing.is_none()
    }

    fn run(&mut self, block: &Block, at: &str) {
        for Step { typed, shown } in steps(&block.text) {
            match typed {
                None => self.expect_in_terminal(shown, at),
                Some("^C") => self.interrupt(shown, at),
                Some(command) if is_in_the_foreground(command) => {
                    let program = self.shell.start(command);
                    self.terminals.push((program, shown));
                    self.expect_in_terminal(Vec::new(), at);
                }
                Some(command) => self.command(command, &shown, at),
            }
        }
    }

    fn command(&mut self, command: &str, shown: &[String], at: &str) {
        if looks_at_a_log(command) {
            // Lines are written a moment after what they tell of.
            until(&format!("{at}: {command}"), || self.objection(command, shown).is_none());
        } else if let Some(objection) = self.objection(command, shown) {
            panic!("{at}: {command}\n{objection}");
        }
    }

    /// Runs a command. What is wrong with what it prints, if anything is.
    fn objection(&mut self, command: &str, shown: &[String]) -> Option<String> {
        let Printed { out, err, status } = self.shell.run(command);
        let shown = as_shown(self.place, shown);
        let (out, err) = (as_shown(self.place, &out), as_shown(self.place, &err));
        let said = [&out[..], &err].concat().join("\n");
        if status != 0 && shown.is_empty() {
            return Some(format!("{said}\nended with status {status}"));
        }
        let shows_a_pid = command.starts_with("cat ") && command.ends_with(".pid");
        let fine = match shows_a_pid {
            true => out.len() == 1 && out[0].parse::<u32>().is_ok(),
            false => matches(&shown, &out, &err),
        };
        (!fine).then(|| format!("{said}\nbut shown is\n{}", shown.join("\n")))
    }

    /// More of what the program prints that was started last.
    fn expect_in_terminal(&mut self, more: Vec<String>, at: &str) {
        let (program, shown) = self.terminals.last_mut().unwrap_or_else(|| {
            panic!("{at}: output of nothing");
        });
        shown.extend(more);
        let shown: Vec<String> =
            as_shown(self.place, shown).iter().map(|l| comparable(l)).collect();
        until(&format!("{at}: {shown:#?} in\n{}", program.printed().join("\n")), || {
            let mut printed: Vec<String> =
                as_shown(self.place, &program.printed()).iter().map(|l| comparable(l)).collect();
            shown.iter().filter(|line| *line != "...").all(|line| {
                let at = printed.iter().position(|other| other == line);
                at.map(|at| printed.remove(at)).is_some()
            })
        });
    }

    /// Ctrl-C, and what the program prints to its end.
    fn interrupt(&mut self, more: Vec<String>, at: &str) {
        let (program, mut shown) = self.terminals.pop().unwrap_or_else(|| {
            panic!("{at}: nothing to interrupt");
        });
        shown.extend(more);
        self.shell.interrupt(&program);
        let (shown, out) =
            (as_shown(self.place, &shown), as_shown(self.place, &program.to_its_end()));
        assert!(
            matches(&shown, &[], &out),
            "{at}: {}\nbut shown is\n{}",
            out.join("\n"),
            shown.join("\n")
        );
    }
}

fn as_shown(place: &dyn Place, lines: &[String]) -> Vec<String> {
    lines.iter().filter_map(|line| place.as_shown(line)).collect()
}

/// Such a command runs until Ctrl-C; what follows is typed in another terminal.
fn is_in_the_foreground(command: &str) -> bool {
    command.contains(" --nodaemon") && !command.contains("; ") && !command.contains('&')
}

fn looks_at_a_log(command: &str) -> bool {
    ["cat ", "grep ", "head ", "tail "].iter().any(|program| command.starts_with(program))
        && command.contains(".log")
}

/// The steps of a block. A command that ends in a backslash goes on in the next line.
fn steps(text: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_typed = rest.starts_with("$ ") || rest.starts_with("# ") || rest.starts_with("^C\n");
        let mut end = rest.find('\n').map_or(rest.len(), |end| end + 1);
        while is_typed && rest[..end].ends_with("\\\n") {
            end += rest[end..].find('\n').map_or(rest.len() - end, |end| end + 1);
        }
        let line = rest[..end].trim_end_matches('\n');
        rest = &rest[end..];
        if is_typed {
            let typed = line.trim_start_matches("$ ").trim_start_matches("# ");
            steps.push(Step { typed: Some(typed), shown: Vec::new() });
            continue;
        }
        if steps.is_empty() {
            steps.push(Step { typed: None, shown: Vec::new() });
        }
        steps.last_mut().into_iter().for_each(|step| step.shown.push(line.to_owned()));
    }
    steps
}
