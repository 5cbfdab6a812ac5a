//! The tables of the documentation: every option and key, from the descriptions that the help and the checks of
//! files use as well.

use super::{Program, tables};
use crate::cli;
use crate::config::{Help, KeyInfo, help_of};
use crate::daemon::{Applies, OptionInfo};
use clap::{Arg, Command};

/// One table of the documentation, as made by [`Program::reference`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReferenceTable {
    /// What it describes, such as `options`, `kind tcp` or `plugin proxy`.
    pub name: String,
    /// The table, in Markdown.
    pub markdown: String,
}

impl Program {
    /// The tables of this program's documentation: `options` for the command line; `daemon` and `log` for the
    /// tables with these names in application files; `changes` for when a new value takes effect; `service` for the keys that every service has; and one for
    /// each `kind NAME`, `protocol NAME` and `plugin NAME` that is compiled in and has keys or options.
    pub fn reference(&self) -> Vec<ReferenceTable> {
        let table = |name: String, markdown| ReferenceTable { name, markdown };
        let runner = cli::command_of(self.name, self.version, self.about);
        let mut all = vec![
            table("options".into(), self.options_of(runner)),
            table("daemon".into(), self.runner_keys("daemon")),
            table("log".into(), self.runner_keys("log")),
            table("changes".into(), self.changes()),
            table("service".into(), keys(&self.registry.keys_of_every_service())),
        ];
        for kind in self.registry.kinds() {
            let keys_of_kind = self.registry.keys_of_kind(kind).unwrap_or_default();
            all.push(table(format!("kind {kind}"), keys(&keys_of_kind)));
        }
        for protocol in self.registry.protocols() {
            let keys_of_protocol = self.registry.keys_of_protocol(protocol).unwrap_or_default();
            all.push(table(format!("protocol {protocol}"), keys(&keys_of_protocol)));
        }
        for maker in self.plugins.list().filter_map(|(name, _)| self.plugins.find(name)) {
            let command = maker.augment(Command::new("").disable_help_flag(true));
            all.push(table(format!("plugin {}", maker.name()), self.options_of(command)));
        }
        all.retain(|table| !table.markdown.is_empty());
        all
    }

    /// The options of a command line.
    fn options_of(&self, mut command: Command) -> String {
        command.build();
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let row = |arg: &Arg| {
            let Help { text: help, default, .. } = help_of(arg);
            let default = default.map(|default| self.named(&default));
            let meaning = text(&self.named(&help)) + &possible_words(arg);
            [usage(arg), meaning, default_cell(default, arg.is_required_set())]
        };
        rows(["option", "meaning", "default"], shown.map(row))
    }

    /// The keys of the table `[daemon]` or `[log]`.
    fn runner_keys(&self, table: &'static str) -> String {
        let row = |(option, key): (OptionInfo, KeyInfo)| {
            let default = option.default.map(|default| self.named(default));
            let applies = match option.applies {
                Applies::AtReload => "reload",
                Applies::AtRestart => "restart",
            };
            let option_name = option.long.map(|long| format!("`--{long}`")).unwrap_or_default();
            let (key, value, help) =
                (format!("`{}`", key.key), text(&key.value), text(option.help));
            [key, option_name, value, help, default_cell(default, false), applies.into()]
        };
        let titles = ["key", "option", "value", "meaning", "default", "takes effect at a"];
        rows(titles, tables::keys(table).into_iter().map(row))
    }

    /// When a new value of each key of `[daemon]` and `[log]` takes effect.
    fn changes(&self) -> String {
        let keys = ["daemon", "log"].into_iter().flat_map(tables::keys);
        let (at_reload, at_restart): (Vec<_>, Vec<_>) =
            keys.partition(|(option, _)| option.applies == Applies::AtReload);
        let names = |keys: Vec<(OptionInfo, KeyInfo)>| {
            let name =
                |(option, key): &(OptionInfo, KeyInfo)| format!("`{}.{}`", option.table, key.key);
            keys.iter().map(name).collect::<Vec<_>>().join(", ")
        };
        let every_service = "everything in `[services]`".to_owned();
        let all = [
            ["a reload".to_owned(), format!("{every_service}, {}", names(at_reload))],
            ["a restart".to_owned(), names(at_restart)],
        ];
        rows(["takes effect at", "keys"], all.into_iter())
    }

    /// A text in which the placeholder `NAME.` is replaced by the program's name and a dot.
    pub(super) fn named(&self, text: &str) -> String {
        text.replace("NAME.", &format!("{}.", self.name))
    }
}

/// The keys of a service or protocol.
fn keys(keys: &[KeyInfo]) -> String {
    let row = |key: &KeyInfo| {
        let default = default_cell(key.default.clone(), key.required);
        [format!("`{}`", key.key), text(&key.value), text(&key.help), default]
    };
    rows(["key", "value", "meaning", "default"], keys.iter().map(row))
}

/// How an option is typed: `-p`, `--port PORT`.
fn usage(arg: &Arg) -> String {
    let values = arg.get_value_names().filter(|_| arg.get_action().takes_values());
    let value = values.and_then(|names| names.first()).map(ToString::to_string);
    let long = arg.get_long().map(|long| format!("--{long}"));
    let with_value: Vec<String> = long.into_iter().chain(value).collect();
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    format!("{short}`{}`", with_value.join(" "))
}

/// The possible values, if there are only a few: `: first, second`.
fn possible_words(arg: &Arg) -> String {
    let words = arg.get_possible_values();
    let words: Vec<String> = words.iter().map(|word| format!("`{}`", word.get_name())).collect();
    let is_shown = arg.get_action().takes_values() && !words.is_empty();
    if is_shown { format!(": {}", words.join(", ")) } else { String::new() }
}

/// Escapes what Markdown would interpret.
fn text(text: &str) -> String {
    ['\\', '[', '<', '*', '_', '`']
        .iter()
        .fold(text.to_owned(), |text, mark| text.replace(*mark, &format!("\\{mark}")))
}

/// The content of the column of defaults. A value is shown as code, other text as it is.
fn default_cell(default: Option<String>, required: bool) -> String {
    match default {
        Some(words) if words.contains(' ') => text(&words),
        Some(value) => format!("`{value}`"),
        None if required => "required".into(),
        None => String::new(),
    }
}

/// A table. Empty if there are no rows.
fn rows<const COLUMNS: usize>(
    titles: [&str; COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | ")).replace("|  |", "| |");
    let escaped = |row: [String; COLUMNS]| line(&row.map(|cell| cell.replace('|', "\\|")));
    let body: String = rows.map(escaped).collect();
    if body.is_empty() {
        return body;
    }
    let head = line(&titles.map(str::to_owned));
    format!("{head}|{}\n{body}", "---|".repeat(COLUMNS))
}
