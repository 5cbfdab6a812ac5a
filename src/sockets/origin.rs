//! Where a socket comes from.

/// Who opened a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// This process.
    Bound,
    /// The process that started this one: systemd, because of a socket unit.
    Inherited,
    /// An earlier process of this program, for which systemd has kept it.
    Stored,
}
