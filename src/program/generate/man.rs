//! Manual pages.

use super::super::Program;
use super::super::failure::Failure;
use super::example::unknown;
use super::roff::{Page, bold, italic};
use crate::cli;
use crate::config::{Help, help_of};
use clap::{Arg, Command};
use jiff::Timestamp;
use std::env;

impl Program {
    /// A manual page: of the program itself, or the one with this name.
    pub(super) fn manual_page(&self, page: Option<&str>) -> Result<String, Failure> {
        let name = page.unwrap_or(self.name);
        let known = self.manual_pages();
        match self.others.iter().find(|other| other.get_name() == name) {
            Some(other) => Ok(self.page_of_other(other.clone())),
            None if name == self.name => Ok(self.page_of_program()),
            None if name == format!("{}.toml", self.name) => Ok(self.page_of_files()),
            None => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                Err(unknown("manual page", name, &known))
            }
        }
    }

    /// The names of all pages.
    pub(super) fn manual_pages(&self) -> Vec<String> {
        let own = [self.name.to_owned(), format!("{}.toml", self.name)];
        own.into_iter().chain(self.others.iter().map(|o| o.get_name().to_owned())).collect()
    }

    pub(super) fn new_page(&self, name: &str, section: u8, about: &str) -> Page {
        let source = format!("{} {}", self.name, self.version);
        Page::new(name, section, &date(), source.trim_end(), about)
    }

    fn page_of_program(&self) -> String {
        let (name, mut command) = (self.name, cli::command_of(self.name, self.version, self.about));
        command.build();
        let mut page = self.new_page(name, 1, self.about);
        synopsis(&mut page, &command);
        page.heading("DESCRIPTION");
        page.text(&format!(
            "{name} runs an application: the services that the application file CONFIG describes, or those that PLUGIN makes of its options. Without either, it runs {name}.toml in the rundir or, if there is no such file, the built-in application. CONFIG can be '-' for standard input."
        ));
        page.text("It becomes a daemon, unless an option says that it stays in the foreground.");
        page.heading("OPTIONS");
        page.text("They go before CONFIG or PLUGIN.");
        self.options(&mut page, &command, |_| true);
        self.commands(&mut page, &command);
        self.plugin_options(&mut page);
        page.heading("ENVIRONMENT");
        let variable = format!("{}_PLUGIN_PATH", name.to_uppercase().replace('-', "_"));
        page.entry(&bold(&variable), "Directories with manifests of plugins, separated by colons.");
        page.heading("FILES");
        page.entry(&italic(&format!("{name}.toml")), "The application file, if none is named.");
        for (key, what) in [("pidfile", "The pid file."), ("logfile", "The log.")] {
            let file = if key == "pidfile" { "pid" } else { "log" };
            page.entry(&italic(&format!("{name}.{file}")), what);
        }
        let plugins = format!("/etc/{name}/plugins, /usr/share/{name}/plugins, config/plugins");
        page.entry(&italic(&plugins), "Manifests of plugins.");
        page.heading("EXIT STATUS");
        for (status, meaning) in STATUSES {
            page.entry(&bold(status), meaning);
        }
        self.see_also(&mut page, name);
        page.done()
    }

    /// The commands, each with the options that only it has.
    fn commands(&self, page: &mut Page, command: &Command) {
        page.heading("COMMANDS");
        let is_global = |arg: &Arg| arg.is_global_set() || is_standard(arg);
        for sub in command.get_subcommands() {
            let children: Vec<&Command> = sub.get_subcommands().collect();
            let own = |arg: &Arg| !is_global(arg);
            let usage: Vec<String> =
                sub.get_arguments().filter(|a| own(a) && a.is_positional()).map(term).collect();
            let words = if children.is_empty() { usage } else { vec![italic("WHAT")] };
            let term = std::iter::once(bold(sub.get_name())).chain(words);
            page.entry(&term.collect::<Vec<_>>().join(" "), &sentence(&about(sub)));
            let is_option = |arg: &Arg| own(arg) && !arg.is_positional();
            if sub.get_arguments().any(is_option) {
                page.below(|page| self.options(page, sub, is_option));
            }
            for child in children {
                let usage = child.get_arguments().filter(|a| own(a)).map(self::term);
                let term = [bold(sub.get_name()), bold(child.get_name())];
                let term: Vec<String> = term.into_iter().chain(usage).collect();
                page.entry(&term.join(" "), &sentence(&about(child)));
            }
        }
    }

    fn plugin_options(&self, page: &mut Page) {
        let makers: Vec<_> =
            self.plugins.list().filter_map(|(name, _)| self.plugins.find(name)).collect();
        if makers.is_empty() {
            return;
        }
        page.heading("PLUGINS");
        page.text("Besides these there are those that manifests declare; see the option --help.");
        for maker in makers {
            page.subheading(maker.name());
            page.text(&sentence(maker.description()));
            let command = maker.augment(Command::new("").disable_help_flag(true));
            self.options(page, &command, |_| true);
        }
    }

    /// The options of a command, and what else is on its command line.
    fn options(&self, page: &mut Page, command: &Command, is_shown: impl Fn(&Arg) -> bool) {
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set() && is_shown(arg)) {
            let Help { text, default, .. } = help_of(arg);
            let words = arg.get_possible_values();
            let words: Vec<&str> = words.iter().map(|word| word.get_name()).collect();
            let mut text = self.named(&text);
            if arg.get_action().takes_values() && !words.is_empty() {
                text += &format!(": {}", words.join(", "));
            }
            let default = default.map(|default| format!(" Default: {}.", self.named(&default)));
            page.entry(&term(arg), &(sentence(&text) + &default.unwrap_or_default()));
        }
    }

    /// The page of another program, from what its help says.
    fn page_of_other(&self, mut command: Command) -> String {
        command.build();
        let name = command.get_name().to_owned();
        let mut page = self.new_page(&name, 1, &about(&command));
        synopsis(&mut page, &command);
        page.heading("DESCRIPTION");
        page.text(&sentence(&about(&command)));
        let more = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let mut paragraph = String::new();
        for line in more.lines() {
            paragraph += line;
            if line.ends_with(['.', ':']) || line.is_empty() {
                page.text(std::mem::take(&mut paragraph).trim());
            } else {
                paragraph.push(' ');
            }
        }
        if !paragraph.is_empty() {
            page.text(&sentence(paragraph.trim()));
        }
        page.heading("OPTIONS");
        self.options(&mut page, &command, |_| true);
        self.see_also(&mut page, &name);
        page.done()
    }

    /// Refers to the other pages.
    pub(super) fn see_also(&self, page: &mut Page, this: &str) {
        page.heading("SEE ALSO");
        let section = |name: &str| if name.ends_with(".toml") { 5 } else { 1 };
        let mut others: Vec<_> =
            self.manual_pages().into_iter().filter(|other| other != this).collect();
        others.sort_by_key(|other| (section(other), other.clone()));
        let others = others.iter().map(|other| format!("{other}({})", section(other)));
        page.text(&others.collect::<Vec<_>>().join(", "));
    }
}

/// The exit statuses.
const STATUSES: [(&str, &str); 5] = [
    ("0", "Success."),
    ("1", "It failed."),
    ("2", "The command line or the configuration is wrong."),
    ("3", "The daemon is not running."),
    ("4", "No permission."),
];

/// Today; or the day that those who want the same page again and again have set.
fn date() -> String {
    let set = env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let time = set.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let time = time.unwrap_or_else(Timestamp::now);
    time.strftime("%Y-%m-%d").to_string()
}

fn synopsis(page: &mut Page, command: &Command) {
    page.heading("SYNOPSIS");
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    page.literally(&usage.lines().map(str::trim).collect::<Vec<_>>().join("\n"));
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

pub(super) fn sentence(text: &str) -> String {
    if text.is_empty() || text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

/// Whether it is an option that every command has.
fn is_standard(arg: &Arg) -> bool {
    ["help", "version"].contains(&arg.get_id().as_str())
}

/// How an argument is typed.
fn term(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| bold(&format!("-{short}")));
    let long = arg.get_long().map(|long| bold(&format!("--{long}")));
    let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
    let value = value.and_then(|names| names.first()).map(|name| italic(name));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    if names.is_empty() {
        let value = value.unwrap_or_default();
        return if arg.is_required_set() { value } else { format!("[{value}]") };
    }
    let words = Some(names.join(", "));
    words.into_iter().chain(value).collect::<Vec<_>>().join(" ")
}
