//! By which names clients may ask for the status, and which clients are on this machine.
//!
//! A page of somebody else, in a browser that can reach the service, can't read its answers, unless that page has a name
//! that leads to the service: [DNS rebinding]. Then the request has that name in its `Host` header, and is refused.
//!
//! [DNS rebinding]: https://en.wikipedia.org/wiki/DNS_rebinding

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use std::net::IpAddr;

/// Headers of a request that somebody else has forwarded, so that it is not known where it comes from. So are all that
/// begin with `x-forwarded-`.
const FORWARDED: [&str; 3] = ["forwarded", "x-real-ip", "via"];

/// The names that a service has.
pub(super) struct Hosts(Vec<String>);

/// How a client has asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// From this machine, by a name that means this machine.
    Here,
    /// By an address or a name that is known.
    ByName,
}

impl Hosts {
    /// Those of this machine, and these.
    pub(super) fn new(others: &[String]) -> Self {
        let machine = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        Self(
            others
                .iter()
                .cloned()
                .chain(machine)
                .map(|name| name_of(&name.to_ascii_lowercase()))
                .collect(),
        )
    }

    /// How a client has asked, who is on this machine or not.
    ///
    /// # Errors
    /// If it has asked by another name, which is returned.
    pub(super) fn check(&self, request: &Parts, is_local: bool) -> Result<Asked, String> {
        let Some(host) = host_of(request)? else { return Ok(Asked::ByName) };
        let name = name_of(&host);
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_localhost = name == "localhost" || name.ends_with(".localhost");
        let means_here = is_localhost || address.as_ref().is_ok_and(IpAddr::is_loopback);
        if !(means_here || address.is_ok() || self.0.contains(&name)) {
            return Err(name);
        }
        let is_forwarded = request.headers.keys().any(|name| {
            FORWARDED.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-")
        });
        Ok(if is_local && means_here && !is_forwarded { Asked::Here } else { Asked::ByName })
    }
}

/// The host that a request names. `None`: it names none, as HTTP/1.0 allows; browsers always do.
fn host_of(request: &Parts) -> Result<Option<String>, String> {
    if let Some(authority) = request.uri.authority() {
        return Ok(Some(authority.as_str().to_ascii_lowercase()));
    }
    let mut hosts = all_of(&request.headers);
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err("several".into());
    }
    Ok(host)
}

fn all_of(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let hosts = headers.get_all(header::HOST).iter();
    hosts.map(|host| String::from_utf8_lossy(host.as_bytes()).to_ascii_lowercase())
}

/// The name without the port.
fn name_of(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name).to_owned()
}
