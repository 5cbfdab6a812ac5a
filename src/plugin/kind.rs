//! A plugin that is a kind of service as well.

use super::{MakeContext, Maker};
use crate::config::Kind;
use crate::service::{Application, BoxError, Managed};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command};
use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// A plugin whose application is one service of a kind.
pub(super) struct KindMaker<K> {
    name: &'static str,
    description: &'static str,
    kind: PhantomData<fn() -> K>,
}

impl<K> KindMaker<K> {
    pub(super) fn new(name: &'static str, description: &'static str) -> Self {
        Self { name, description, kind: PhantomData }
    }
}

impl<K: Kind + Args> Maker for KindMaker<K> {
    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> &str {
        self.description
    }

    fn augment(&self, command: Command) -> Command {
        K::augment_args(command)
    }

    fn make(&self, matches: &ArgMatches, cx: &MakeContext) -> Result<Application, BoxError> {
        let command = self.augment(Command::new(self.name).no_binary_name(true));
        let words = words_with_whole_names(&command, matches, cx);
        let settings = K::from_arg_matches(&command.try_get_matches_from(words)?)?;
        let mut application = Application::new(self.name);
        let service = Managed::new(settings.service()).settings(Box::new(settings));
        application.add(self.name, service.kind(self.name))?;
        Ok(application)
    }
}

/// The words of a command line, with absolute paths instead of the file names that were typed. A default stays as
/// it is: as in a file, it is relative to the rundir.
fn words_with_whole_names(
    command: &Command,
    matches: &ArgMatches,
    cx: &MakeContext,
) -> Vec<OsString> {
    let (mut words, mut positional) = (Vec::new(), Vec::new());
    let is_typed =
        |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    for arg in command.get_arguments().filter(is_typed) {
        let id = arg.get_id().as_str();
        let is_file = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
        let values = matches.get_raw(id).into_iter().flatten();
        let values = values.map(|value| if is_file { whole_name(value, cx) } else { value.into() });
        match (option(arg), arg.get_action()) {
            (None, _) => positional.extend(values),
            (Some(option), ArgAction::Count) => {
                words.extend((0..matches.get_count(id)).map(|_| OsString::from(&option)));
            }
            (Some(option), action) if action.takes_values() => {
                words.extend(values.map(|value| joined(&option, &value)));
            }
            (Some(option), _) => words.push(option.into()),
        }
    }
    words.push("--".into());
    words.append(&mut positional);
    words
}

/// An option as it is typed. `None`: it is a positional argument.
fn option(arg: &Arg) -> Option<String> {
    let short = || arg.get_short().map(|short| format!("-{short}"));
    arg.get_long().map(|long| format!("--{long}")).or_else(short)
}

fn joined(option: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(option);
    word.push("=");
    word.push(value);
    word
}

/// A file name that was typed. An empty one and `-` do not name a file.
fn whole_name(typed: &OsStr, cx: &MakeContext) -> OsString {
    let is_name = !typed.is_empty() && typed != "-";
    if is_name { cx.file(Path::new(typed)).into() } else { typed.into() }
}

#[cfg(test)]
mod tests;
