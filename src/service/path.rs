//! The path of a service in the tree.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The names from the root down to a service, joined with dots: `night.science`.
///
/// The root itself is displayed as `-`, which marks log lines about the whole process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServicePath(Arc<str>);

impl ServicePath {
    /// The path of the application itself.
    pub fn root() -> Self {
        Self("".into())
    }

    /// Whether this is a valid name of a service: at least one of the ASCII letters, digits, '-' and '_', and
    /// nothing else.
    pub fn is_name(text: &str) -> bool {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !text.is_empty() && text.chars().all(fits)
    }

    /// The path of this service's child named `name`.
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self(name.into())
        } else {
            Self(format!("{}.{name}", self.0).into())
        }
    }

    /// The path of the service that contains this one; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.0.is_empty() {
            return None;
        }
        Some(Self(self.0.rsplit_once('.').map_or("", |(parent, _)| parent).into()))
    }

    /// The names from the root down.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('.').filter(|name| !name.is_empty())
    }

    /// Whether this is `other`, or a service somewhere below it.
    pub fn is_within(&self, other: &ServicePath) -> bool {
        let below = self.0.strip_prefix(&*other.0);
        below.is_some_and(|rest| rest.is_empty() || other.0.is_empty() || rest.starts_with('.'))
    }

    /// The last name of the path. Empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('.').map_or(&self.0, |(_, name)| name)
    }

    /// The path as shown in the log; `-` for the root.
    pub fn as_str(&self) -> &str {
        if self.0.is_empty() { "-" } else { &self.0 }
    }
}

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} can't be the path of a service: names of letters, digits, '-' and '_', joined with dots"
)]
#[non_exhaustive]
pub struct BadPath(pub String);

/// Parses what [`as_str`](ServicePath::as_str) returns.
impl FromStr for ServicePath {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        match text {
            "-" => Ok(Self::root()),
            _ if text.split('.').all(Self::is_name) => Ok(Self(text.into())),
            _ => Err(BadPath(text.into())),
        }
    }
}

impl fmt::Display for ServicePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
