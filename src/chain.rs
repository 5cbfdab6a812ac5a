//! The text of an error and its causes.

use std::error::Error;
use std::iter::successors;

/// The maximum number of causes that are shown: an error could be its own cause.
const MAX_CAUSES: usize = 32;

/// The text of an error and of its causes: `outer: cause: cause of the cause`.
///
/// Many errors include the text of their cause in their own. Such a cause is not repeated.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in successors(error.source(), |&cause| cause.source()).take(MAX_CAUSES) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests;
