//! The page.

use crate::document::Status;

/// The page about this status, whose script and style have this nonce.
pub(super) fn page(status: &Status, nonce: &str) -> String {
    format!("<!doctype html><title>{}</title><script nonce={nonce}></script>", status.program)
}
