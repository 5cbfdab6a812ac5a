//! What can be set about a server.

use std::time::Duration;

/// What can be set about a server, besides where it listens.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ServerOptions {
    /// How many clients may wait in the kernel to be accepted. The kernel takes at most
    /// `net.core.somaxconn`.
    pub backlog: u32,
    /// How many connections this service has at once; `None`: as many as the process has
    /// [descriptors](crate::sockets::Descriptors) for.
    pub max_connections: Option<usize>,
    /// How long a client may take nothing of what is sent to it.
    pub write_timeout: Duration,
    /// How long a client that has got everything may keep its side of the connection open.
    pub linger_timeout: Duration,
}

impl Default for ServerOptions {
    /// A backlog of 4096, the process's limit, 60 seconds, 5 seconds.
    fn default() -> Self {
        Self {
            backlog: 4096,
            max_connections: None,
            write_timeout: Duration::from_secs(60),
            linger_timeout: Duration::from_secs(5),
        }
    }
}
