//! Where a socket comes from.

/// Who opened a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// This process.
    Bound,
    /// Whoever started this process: systemd, as a socket unit says.
    Inherited,
    /// An earlier process of this program, for which systemd has kept it.
    Stored,
}
