//! A group that is written down at once.

use super::{Managed, MultiService};

/// A group of these services, by name, for a [kind](crate::config::Kind) or another service that consists of several.
///
/// ```
/// use poetryd::service::{MultiService, ServiceFn};
///
/// let until_the_end = || ServiceFn::new(|cx| async move { Ok(cx.closing().await) });
/// let group =
///     MultiService::from([("store", until_the_end().into()), ("server", until_the_end().into())]);
/// assert!(group.contains("store"));
/// ```
///
/// # Panics
/// If a name is there twice, or can't be one. For names that are not known beforehand there is
/// [`add`](MultiService::add).
impl<const N: usize> From<[(&'static str, Managed); N]> for MultiService {
    fn from(services: [(&'static str, Managed); N]) -> Self {
        let group = Self::new();
        for (name, service) in services {
            if let Err(e) = group.add(name, service) {
                panic!("{e}");
            }
        }
        group
    }
}
