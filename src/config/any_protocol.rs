//! The settings of a protocol whose type is known only at run time.

use crate::net::Protocol;
use crate::service::{BoxError, Context, Settings};
use std::sync::Arc;

/// The settings of some protocol: a [`ProtocolKind`](super::ProtocolKind) whose type is known only at run
/// time.
#[derive(Clone, Debug)]
pub struct AnyProtocol(Arc<dyn ProtocolSettings>);

impl AnyProtocol {
    pub(super) fn new(settings: impl ProtocolSettings) -> Self {
        Self(Arc::new(settings))
    }

    /// As [`ProtocolKind::protocol`](super::ProtocolKind::protocol).
    pub fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError> {
        self.0.protocol(cx)
    }
}

/// Equal means: the same protocol with the same settings.
impl PartialEq for AnyProtocol {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_as(&*other.0)
    }
}

/// The operations on settings whose type is not known.
pub(super) trait ProtocolSettings: Settings {
    fn protocol(&self, cx: &Context) -> Result<Arc<dyn Protocol>, BoxError>;
}
