//! The sockets that are open, and who uses them.

use super::endpoint::Neighbourhood;
use super::refusal::{close_for_good, refuse_new_clients};
use super::users::{Later, Users};
use super::{Endpoint, Inherited, ListenError, ListenOptions, Origin, TakenDescriptors, unix};
use crate::service::ServicePath;
use socket2::Socket;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// An open socket, as listed by [`Sockets::list`](super::Sockets::list).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenSocket {
    /// The service that last asked for it.
    pub service: ServicePath,
    /// Where it listens, with the port that the kernel chose if 0 was requested.
    pub endpoint: Endpoint,
    /// Who opened it.
    pub origin: Origin,
}

impl fmt::Display for OpenSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.endpoint, self.service)
    }
}

/// All open sockets.
#[derive(Default)]
pub(super) struct Open {
    /// By number, in the order in which they were opened.
    pub(super) sockets: BTreeMap<u64, OneOpen>,
    /// The next number of a socket or a user.
    next: u64,
    /// Which of them may overlap with another one.
    neighbours: HashMap<Neighbourhood, Vec<u64>>,
    /// What a service that had asked for any free port was given.
    answers: HashMap<(ServicePath, Endpoint), Endpoint>,
}

/// One open socket.
pub(super) struct OneOpen {
    /// The service that it belongs to: of those that use it, the one that last asked for it.
    pub(super) service: ServicePath,
    /// Where it listens.
    pub(super) endpoint: Endpoint,
    /// The name in the descriptor store, if it is there.
    pub(super) stored_name: Option<String>,
    /// Which service had asked for which address when it was opened.
    asked: (ServicePath, Endpoint),
    pub(super) socket: Arc<Socket>,
    pub(super) origin: Origin,
    /// The options that it has now.
    pub(super) options: ListenOptions,
    pub(super) users: Users,
    /// The services that leave it to others, once for each time that they do.
    pub(super) handed_over_by: Vec<ServicePath>,
    /// How many keep it for a service that will use it again.
    pub(super) kept: usize,
    takes_ipv4_too: bool,
    /// Removed with the socket, unless that is shared.
    pub(super) file: Option<unix::SocketFile>,
    /// Whether others than its users may have it, since they have asked for a duplicate.
    has_duplicates: bool,
    /// Set if it was opened after the process's descriptors had been counted.
    descriptor: Option<TakenDescriptors>,
}

impl OneOpen {
    fn new(
        (socket, file): (Socket, Option<unix::SocketFile>),
        origin: Origin,
        endpoint: Endpoint,
        (service, asked): (&ServicePath, &Endpoint),
        options: &ListenOptions,
    ) -> Self {
        Self {
            service: service.clone(),
            endpoint,
            stored_name: None,
            asked: (service.clone(), asked.clone()),
            socket: Arc::new(socket),
            origin,
            options: options.clone(),
            users: Users::default(),
            handed_over_by: Vec::new(),
            kept: 0,
            takes_ipv4_too: false,
            file,
            has_duplicates: false,
            descriptor: None,
        }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether nobody uses it or will use it again.
    pub(super) fn is_free(&self) -> bool {
        self.users.is_empty() && self.kept == 0
    }

    /// Whether any service may have it: nobody accepts clients on it, or will do so again.
    fn is_to_be_had(&self) -> bool {
        self.users.have_closed() && self.kept == 0
    }

    /// Whether other processes have it, too: it was inherited, or it is stored.
    pub(super) fn is_shared(&self) -> bool {
        self.origin != Origin::Bound || self.stored_name.is_some()
    }
}

impl Open {
    /// What the service was given when it asked for this before, if that is still open; or else what it asks for.
    pub(super) fn answered(&self, service: &ServicePath, asked: &Endpoint) -> Endpoint {
        let answer = self.answers.get(&(service.clone(), asked.clone()));
        let is_to_be_had = |answer: &&Endpoint| {
            let open = self.around(answer).find(|(_, open)| open.endpoint == **answer);
            open.is_some_and(|(_, open)| open.is_to_be_had() || open.service == *service)
        };
        answer.filter(is_to_be_had).unwrap_or(asked).clone()
    }

    /// Whether the service has an IPv6 socket that receives what is sent to this IPv4 address, too.
    pub(super) fn takes_ipv4_too(&self, service: &ServicePath, wanted: &Endpoint) -> bool {
        let takes = |open: &OneOpen| open.takes_ipv4_too && open.service == *service;
        let ipv4 = wanted.address().is_some_and(|address| address.is_ipv4());
        ipv4 && self.around(wanted).any(|(_, open)| takes(open))
    }

    /// The open socket at this address, for its service, or for any service if nobody accepts clients on it now or it
    /// is handed over.
    ///
    /// # Errors
    /// If another service uses it, or it can't get these options.
    pub(super) fn find(
        &self,
        service: &ServicePath,
        wanted: &Endpoint,
        options: &ListenOptions,
    ) -> Result<Option<u64>, ListenError> {
        let Some((id, open)) = self.around(wanted).find(|(_, open)| open.endpoint == *wanted)
        else {
            return Ok(None);
        };
        let left_to_others = open.handed_over_by.contains(&open.service);
        if !open.is_to_be_had() && open.service != *service && !left_to_others {
            let reason = format!("the service {} already listens on it", open.service);
            return Err(ListenError::of_conflict(wanted, reason));
        }
        open.check_change(options)?;
        Ok(Some(id))
    }

    /// Refuses an address that overlaps with an open one.
    pub(super) fn refuse_overlap(&self, wanted: &Endpoint) -> Result<(), ListenError> {
        let overlaps = |open: &OneOpen| {
            let dual_stack = open.takes_ipv4_too && open.endpoint.has_port_of(wanted);
            open.endpoint.overlaps(wanted) || dual_stack
        };
        match self.around(wanted).find(|(_, open)| overlaps(open)) {
            Some((_, open)) => {
                let OneOpen { endpoint, service, .. } = open;
                // At a reload it is open until the new one has started.
                let advice = match open.handed_over_by.is_empty() {
                    true => "",
                    false => {
                        "; remove that address with one reload and add this one with the next, or restart the daemon"
                    }
                };
                let reason = format!(
                    "it overlaps {endpoint}, which the service {service} listens on{advice}"
                );
                Err(ListenError::of_conflict(wanted, reason))
            }
            None => Ok(()),
        }
    }

    /// Adds an inherited socket.
    pub(super) fn add_inherited(
        &mut self,
        inherited: Inherited,
        service: &ServicePath,
        asked: &Endpoint,
        options: &ListenOptions,
    ) -> u64 {
        let endpoint = inherited.endpoint.clone().unwrap_or_else(|| asked.clone());
        let (origin, file) = (inherited.origin(), inherited.file());
        let stored_name = inherited.stored_name().map(str::to_owned);
        let takes_ipv4_too = inherited.takes_ipv4_too();
        let socket = inherited.into_socket(options.backlog);
        let open = OneOpen::new((socket, file), origin, endpoint, (service, asked), options);
        self.add(OneOpen { stored_name, takes_ipv4_too, ..open })
    }

    /// Adds a socket that this process has bound.
    ///
    /// # Errors
    /// If the system does not report its address.
    pub(super) fn add_bound(
        &mut self,
        (socket, file): (Socket, Option<unix::SocketFile>),
        service: &ServicePath,
        asked: &Endpoint,
        options: &ListenOptions,
    ) -> io::Result<u64> {
        let address = socket.local_addr()?.as_socket();
        let endpoint = match (asked, address) {
            (Endpoint::Tcp(_), Some(address)) => Endpoint::Tcp(address),
            (Endpoint::Udp(_), Some(address)) => Endpoint::Udp(address),
            _ => asked.clone(),
        };
        let opened = (socket, file);
        Ok(self.add(OneOpen::new(opened, Origin::Bound, endpoint, (service, asked), options)))
    }

    fn add(&mut self, open: OneOpen) -> u64 {
        let id = self.next;
        self.next += 1;
        self.neighbours.entry(Neighbourhood::of(&open.endpoint)).or_default().push(id);
        if open.asked.1 != open.endpoint {
            self.answers.insert(open.asked.clone(), open.endpoint.clone());
        }
        self.sockets.insert(id, open);
        id
    }

    /// The socket with that number.
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut OneOpen> {
        self.sockets.get_mut(&id)
    }

    /// Records that a socket uses a descriptor of the process's budget.
    pub(super) fn account_for(&mut self, id: u64, descriptor: Option<TakenDescriptors>) {
        if let Some(open) = self.sockets.get_mut(&id) {
            open.descriptor = descriptor;
        }
    }

    /// Records that whoever uses a socket has asked for a duplicate.
    pub(super) fn record_duplicate(&mut self, id: u64) {
        if let Some(open) = self.sockets.get_mut(&id) {
            open.has_duplicates = true;
        }
    }

    /// Records that a service uses a socket from now on, and returns the user's number and the socket. The first user
    /// gets the descriptor itself, others at the same time a duplicate: two of them may want to wait for clients in
    /// the same worker, which supports each descriptor only once.
    ///
    /// # Errors
    /// If the process can't open another descriptor.
    pub(super) fn hand_out(
        &mut self,
        id: u64,
        service: &ServicePath,
        options: &ListenOptions,
    ) -> io::Result<(u64, Arc<Socket>, &OneOpen)> {
        let open = self.sockets.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
        let socket = if open.users.is_empty() {
            open.socket.clone()
        } else {
            Arc::new(open.socket.try_clone()?)
        };
        let number = self.next;
        self.next += 1;
        open.users.add(number, service.clone(), options.clone());
        open.service = service.clone();
        open.take_options();
        Ok((number, socket, open))
    }

    /// Takes back what was lent to a user. The socket then belongs to the last of the others that use it, or to the
    /// one that handed it over. If only this process has it, it is closed when nobody uses it any more.
    pub(super) fn give_back(&mut self, id: u64, user: u64) {
        let Some(open) = self.sockets.get_mut(&id) else { return };
        open.users.remove(user);
        if let Some(owner) = open.users.last().or(open.handed_over_by.first()) {
            open.service = owner.clone();
        }
        open.take_options();
        if open.is_free() && !open.is_shared() {
            self.close(id);
        }
    }

    /// Closes the sockets that nobody uses and that `which` selects. Returns them, with the names with which they
    /// are stored.
    pub(super) fn close_unwanted(
        &mut self,
        which: impl Fn(&Endpoint) -> bool,
    ) -> Vec<(OpenSocket, Option<String>)> {
        let unwanted = |open: &OneOpen| open.is_free() && which(&open.endpoint);
        let unwanted: Vec<u64> =
            self.sockets.iter().filter(|(_, open)| unwanted(open)).map(|(id, _)| *id).collect();
        unwanted.into_iter().filter_map(|id| self.close(id)).collect()
    }

    /// Closes one socket, whoever uses it, and removes its file. Returns what it was, and the name with which it
    /// is stored.
    pub(super) fn close(&mut self, id: u64) -> Option<(OpenSocket, Option<String>)> {
        let open = self.remove(id)?;
        let described = (open.describe(), open.stored_name);
        // A socket unit's stays open, and whoever has a duplicate may still accept clients.
        if open.origin != Origin::Inherited && !open.has_duplicates {
            close_for_good(open.socket, &open.endpoint, open.descriptor);
        }
        if let Some(file) = open.file {
            file.remove();
        }
        Some(described)
    }

    /// Records that a user of a listening socket accepts nobody any more, except those who wait. If nobody else has
    /// the socket, new clients are refused.
    pub(super) fn close_user(&mut self, id: u64, user: u64) -> Later {
        let Some(open) = self.sockets.get_mut(&id) else { return Later::WhoeverIsNext };
        if !open.users.close(user) {
            return Later::AnotherUser;
        }
        if open.kept > 0 || open.is_shared() {
            return Later::WhoeverIsNext;
        }
        refuse_new_clients(&open.socket, &open.endpoint);
        open.options.backlog = 0;
        Later::Nobody
    }

    /// Whether a user other than this one has a socket, and has not closed.
    pub(super) fn has_other_user(&self, id: u64, user: u64) -> bool {
        self.sockets.get(&id).is_some_and(|open| open.users.has_other_than(user))
    }

    /// Closes a socket that its user can't use, unless others have it, too; they keep it, but the service is not given
    /// it again when it asks for any free port. Returns the same as [`close`](Self::close).
    pub(super) fn discard(&mut self, id: u64, user: u64) -> Option<(OpenSocket, Option<String>)> {
        let open = self.sockets.get(&id)?;
        if open.kept == 0 && open.users.is_only(user) {
            return self.close(id);
        }
        self.answers.remove(&open.asked);
        None
    }

    /// All of them.
    pub(super) fn list(&self) -> Vec<OpenSocket> {
        self.sockets.values().map(OneOpen::describe).collect()
    }

    fn remove(&mut self, id: u64) -> Option<OneOpen> {
        let open = self.sockets.remove(&id)?;
        let neighbourhood = Neighbourhood::of(&open.endpoint);
        if let Some(ids) = self.neighbours.get_mut(&neighbourhood) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.neighbours.remove(&neighbourhood);
            }
        }
        // Another socket may be the answer by now.
        if self.answers.get(&open.asked) == Some(&open.endpoint) {
            self.answers.remove(&open.asked);
        }
        Some(open)
    }

    /// The sockets that may overlap with one at this address.
    fn around(&self, wanted: &Endpoint) -> impl Iterator<Item = (u64, &OneOpen)> {
        let ids = self.neighbours.get(&Neighbourhood::of(wanted)).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.sockets.get(id)?)))
    }
}

impl OneOpen {
    fn describe(&self) -> OpenSocket {
        let OneOpen { service, endpoint, origin, .. } = self;
        OpenSocket { service: service.clone(), endpoint: endpoint.clone(), origin: *origin }
    }
}
