//! What is said of one option of the runner, and the macro that makes [`Options`](super::Options) of a list of them.

use crate::value::sort::Sort;
use std::fmt;

/// One option of the runner, as its documentation shows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OptionInfo {
    /// Its name on the command line without the hyphens, unless it stands in files only.
    pub long: Option<&'static str>,
    /// The letter that stands for it on the command line.
    pub short: Option<char>,
    /// What the help calls its value, such as `FILE`; `None` for a flag.
    pub value_name: Option<&'static str>,
    /// What it does, in a line.
    pub help: &'static str,
    /// What holds where nothing is said. In it, `NAME.` stands for the program's name and a dot.
    pub default: Option<&'static str>,
    /// The table of an application file that it stands in.
    pub table: &'static str,
    /// Its name in that table.
    pub key: &'static str,
    /// When a new value in the file takes effect.
    pub applies: Applies,
    /// Whether it is about where the log goes, and how.
    pub about_log: bool,
}

impl fmt::Display for OptionInfo {
    /// The option as it is typed, or else its key.
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
    /// While the daemon runs, at a reload.
    AtReload,
    /// When the daemon is started again.
    AtRestart,
}

/// An option: what is said of it, and how its value is read.
pub(crate) struct Described<T> {
    pub(crate) info: OptionInfo,
    pub(crate) sort: Sort<T>,
}

/// An option of the table `[daemon]`, which has the same name on the command line.
pub(super) fn daemon<T>(key: &'static str, sort: Sort<T>) -> Described<T> {
    let value_name = Some(sort.name).filter(|name| !name.is_empty());
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
    Described { info, sort }
}

/// An option of the table `[log]`.
pub(super) fn log<T>(key: &'static str, sort: Sort<T>) -> Described<T> {
    let mut option = daemon(key, sort).about_log().at_reload();
    (option.info.table, option.info.long) = ("log", None);
    option
}

impl<T> Described<T> {
    /// Its name on the command line.
    pub(super) fn long(mut self, long: &'static str) -> Self {
        self.info.long = Some(long);
        self
    }

    /// The letter that stands for it on the command line.
    pub(super) fn short(mut self, short: char) -> Self {
        self.info.short = Some(short);
        self
    }

    /// What holds where nothing is said.
    pub(super) fn default(mut self, default: &'static str) -> Self {
        self.info.default = Some(default);
        self
    }

    /// A new value in the file takes effect while the daemon runs.
    pub(super) fn at_reload(mut self) -> Self {
        self.info.applies = Applies::AtReload;
        self
    }

    /// It says where the log goes, or how.
    pub(super) fn about_log(mut self) -> Self {
        self.info.about_log = true;
        self
    }

    /// What it does: its documentation, as the compiler hands it over.
    pub(super) fn help(mut self, documentation: &'static str) -> Self {
        self.info.help = documentation.trim();
        self
    }
}

/// Whoever knows what was said of options: a command line, a table of a file.
pub(crate) trait Asked {
    /// What was said of this option. `None`: nothing, or something wrong, which has been noted.
    fn ask<T: Clone + Send + Sync + 'static>(&mut self, option: Described<T>) -> Option<T>;
}

/// Makes a struct of a list of options: a field for each, `None` where nothing is said of it, and what has to be done
/// for each of them.
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
            /// The options, each as `asked` says.
            pub(crate) fn ask(asked: &mut impl Asked) -> Self {
                Self { typed_in: None, $($field: asked.ask($described.help($help)),)+ }
            }

            /// These options and, one by one, those of `others` of which nothing is said here.
            fn or_each(self, others: Self) -> Self {
                Self { typed_in: None, $($field: self.$field.or(others.$field),)+ }
            }

            /// The options of which something is said.
            pub(super) fn given(&self) -> Vec<OptionInfo> {
                let given = [$(self.$field.is_some().then(|| $described.help($help).info)),+];
                given.into_iter().flatten().collect()
            }

            /// The file names that were given, each with the name of its field.
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
