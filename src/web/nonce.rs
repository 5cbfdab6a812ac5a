//! A number that is used once: the script and the style of a page have it, and what somebody has smuggled into the page
//! has not. See the [Content Security Policy](https://www.w3.org/TR/CSP3/#security-nonces).

use std::io;

/// 128 random bits, in hexadecimal.
///
/// # Errors
/// If the system has no random numbers.
pub(super) fn nonce() -> io::Result<String> {
    let mut bits = [0_u8; 16];
    // SAFETY: no more than the length of `bits` is written to it. So few bytes come whole; see getrandom(2).
    let length = unsafe { libc::getrandom(bits.as_mut_ptr().cast(), bits.len(), 0) };
    match usize::try_from(length) {
        Ok(length) if length == bits.len() => {
            Ok(bits.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        _ => Err(io::Error::last_os_error()),
    }
}

/// The policy for a page with this nonce: it loads nothing from anywhere else, sends nothing but requests to its own
/// server, and is not shown in a frame.
pub(super) fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
