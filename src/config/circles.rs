//! Finds services that connect to each other in a circle: each connection would open another one, endlessly.

use crate::service::ServicePath;
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

/// What a service connects to.
pub(super) struct Outgoing {
    pub(super) from: ServicePath,
    /// The key that sets this, and the position of its value.
    pub(super) key: &'static str,
    pub(super) span: Range<usize>,
    /// The address, as it is written.
    pub(super) to: String,
}

/// Whether a connection to `to`, written `HOST:PORT`, leads to one of these listening sockets, as far as that is
/// known without a name server: a name other than `localhost` leads nowhere.
pub fn leads_to(to: &str, listeners: impl IntoIterator<Item = SocketAddr>) -> bool {
    let targets = addresses(to);
    let is_reached = |listener| targets.iter().any(|target| reaches(*target, listener));
    listeners.into_iter().any(is_reached)
}

/// The addresses that are known without a name server: a name other than `localhost` has none.
pub(super) fn addresses(written: &str) -> Vec<SocketAddr> {
    let local = written.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    match local {
        Some(port) => vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()],
        None => written.parse().into_iter().collect(),
    }
}

/// Whether a connection to `target` leads to a socket that listens on `listener`. Addresses of this machine other
/// than those of the loopback interface are not looked up.
pub(super) fn reaches(target: SocketAddr, listener: SocketAddr) -> bool {
    let (to, at) = (target.ip(), listener.ip());
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let same_machine = to == at
        || at.is_unspecified() && (to.is_loopback() || to.is_unspecified())
        || to.is_unspecified() && loopback.contains(&at);
    target.port() == listener.port() && to.is_ipv4() == at.is_ipv4() && same_machine
}

/// The circles among connections, each as the indices of its connections. `services` has, for each connection,
/// the services that it may lead to.
pub(super) fn circles(outgoing: &[Outgoing], services: &[Vec<ServicePath>]) -> Vec<Vec<usize>> {
    let mut of_service: HashMap<&ServicePath, Vec<usize>> = HashMap::new();
    for (index, each) in outgoing.iter().enumerate() {
        of_service.entry(&each.from).or_default().push(index);
    }
    let next = |index: usize| {
        let connections = services[index].iter().filter_map(|service| of_service.get(service));
        connections.flatten().copied().collect::<Vec<usize>>()
    };

    let mut states = vec![State::Unseen; outgoing.len()];
    let mut circles = Vec::new();
    for start in 0..outgoing.len() {
        let mut way: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut seen = Some(start).filter(|start| states[*start] == State::Unseen);
        loop {
            if let Some(index) = seen.take() {
                states[index] = State::OnTheWay;
                way.push((index, next(index)));
            }
            let Some((index, untried)) = way.last_mut() else { break };
            match untried.pop() {
                None => {
                    states[*index] = State::Done;
                    way.pop();
                }
                Some(after) if states[after] == State::Unseen => seen = Some(after),
                Some(after) if states[after] == State::OnTheWay => {
                    let circle = way.iter().map(|(index, _)| *index);
                    circles.push(circle.skip_while(|index| *index != after).collect());
                }
                Some(_) => {}
            }
        }
    }
    circles
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Unseen,
    OnTheWay,
    Done,
}
