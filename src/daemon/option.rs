//! The description of one option of the runner, and the macro that makes [`Options`](super::Options) from a list
//! of them.

use crate::value::value_type::ValueType;
use std::fmt;

/// One option of the runner, as shown by the documentation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OptionInfo {
    /// Its name on the command line without the hyphens. `None` for an option that can only be set in files.
    pub long: Option<&'static str>,
    /// Its short form on the command line.
    pub short: Option<char>,
    /// How the help names its value, such as `FILE`; `None` for a flag.
    pub value_name: Option<&'static str>,
    /// What it does, in one line.
    pub help: &'static str,
    /// The default. `NAME.` in it is a placeholder for the program's name and a dot.
    pub default: Option<&'static str>,
    /// The table of an application file that it belongs to.
    pub table: &'static str,
    /// Its name in that table.
    pub key: &'static str,
    /// When a new value in the file takes effect.
    pub applies: Applies,
    /// Whether it is about the log.
    pub about_log: bool,
}

impl fmt::Display for OptionInfo {
    /// The option as it is typed, or its key if it can't be typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.long {
            Some(long) => write!(f, "--{long}"),
            None => f.write_str(self.key),
        }
    }
}

/// When a new value of an option takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Applies {
    /// At a reload, while the daemon is running.
    AtReload,
    /// When the daemon is restarted.
    AtRestart,
}

/// An option: its description, and how its value is read.
pub(crate) struct Described<T> {
    pub(crate) info: OptionInfo,
    pub(crate) value_type: ValueType<T>,
}

/// An option of the table `[daemon]`, which has the same name on the command line.
pub(super) fn daemon<T>(key: &'static str, value_type: ValueType<T>) -> Described<T> {
    let value_name = Some(value_type.name).filter(|name| !name.is_empty());
    let info = OptionInfo {
        long: Some(key),
        short: None,
        value_name,
        help: "",
        default: None,
        table: "daemon",
        key,
        applies: Applies::AtRestart,
        about_log: false,
    };
    Described { info, value_type }
}

/// An option of the table `[log]`.
pub(super) fn log<T>(key: &'static str, value_type: ValueType<T>) -> Described<T> {
    let mut option = daemon(key, value_type).about_log().at_reload();
    (option.info.table, option.info.long) = ("log", None);
    option
}

impl<T> Described<T> {
    /// Its name on the command line.
    pub(super) fn long(mut self, long: &'static str) -> Self {
        self.info.long = Some(long);
        self
    }

    /// Its short form on the command line.
    pub(super) fn short(mut self, short: char) -> Self {
        self.info.short = Some(short);
        self
    }

    /// The default.
    pub(super) fn default(mut self, default: &'static str) -> Self {
        self.info.default = Some(default);
        self
    }

    /// A new value in the file takes effect at a reload.
    pub(super) fn at_reload(mut self) -> Self {
        self.info.applies = Applies::AtReload;
        self
    }

    /// It is about the log.
    pub(super) fn about_log(mut self) -> Self {
        self.info.about_log = true;
        self
    }

    /// What it does: the text of its doc comment, as the compiler passes it.
    pub(super) fn help(mut self, documentation: &'static str) -> Self {
        self.info.help = documentation.trim();
        self
    }
}

/// A place where options are set: a command line, or a table of a file.
pub(crate) trait Asked {
    /// The value of this option. `None`: it is not set, or its value is wrong, which has been recorded.
    fn ask<T: Clone + Send + Sync + 'static>(&mut self, option: Described<T>) -> Option<T>;
}

/// Makes a struct from a list of options: a field for each, which is `None` if the option is not set, and the
/// functions that have to do something for each of them.
macro_rules! options {
    (
        $(#[$attribute:meta])*
        pub struct $Options:ident;
        $(#[doc = $help:literal] $field:ident: $type:ty = $described:expr,)+
    ) => {
        $(#[$attribute])*
        pub struct $Options {
            /// See [`typed_in`](Self::typed_in).
            pub(crate) typed_in: Option<PathBuf>,
            $(#[doc = $help] pub $field: Option<$type>,)+
        }

        impl $Options {
            /// Collects the values of all options from `asked`.
            pub(crate) fn ask(asked: &mut impl Asked) -> Self {
                Self { typed_in: None, $($field: asked.ask($described.help($help)),)+ }
            }

            /// These options. Those that are not set here are taken from `others`, one by one.
            fn or_each(self, others: Self) -> Self {
                Self { typed_in: None, $($field: self.$field.or(others.$field),)+ }
            }

            /// The options that are set.
            pub(super) fn given(&self) -> Vec<OptionInfo> {
                let given = [$(self.$field.is_some().then(|| $described.help($help).info)),+];
                given.into_iter().flatten().collect()
            }

            /// The options that have another value in `others`, each with the name of its field.
            pub(super) fn differing(&self, others: &Self) -> Vec<(&'static str, OptionInfo)> {
                let differing = [$((self.$field != others.$field)
                    .then(|| (stringify!($field), $described.help($help).info))),+];
                differing.into_iter().flatten().collect()
            }

            /// Takes the value of this field from `others`.
            pub(super) fn take(&mut self, field: &str, others: &Self) {
                $(if field == stringify!($field) {
                    self.$field.clone_from(&others.$field);
                })+
            }

            /// The file names that are set, each with the name of its field.
            fn file_names(&mut self) -> impl Iterator<Item = (&'static str, &mut PathBuf)> {
                let fields = [$((stringify!($field), &mut self.$field as &mut dyn Any)),+];
                fields.into_iter().filter_map(|(name, field)| {
                    Some((name, field.downcast_mut::<Option<PathBuf>>()?.as_mut()?))
                })
            }
        }
    };
}
pub(super) use options;
