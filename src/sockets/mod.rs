//! Every listening socket of the process: TCP, UDP and Unix sockets alike.
//!
//! [`Sockets`] owns them and lends them to services. A service asks for an [`Endpoint`]. It gets the socket that
//! was inherited for it (from systemd's [socket activation], or from its [descriptor store]), or a newly bound
//! one, and keeps the [`LentSocket`] as long as it needs it. Another instance of the service that asks meanwhile
//! gets the same socket, and clients that connect in between wait in its queue.
//!
//! - `endpoint.rs`: addresses, and which of them can't be open at the same time.
//! - `bind.rs`: opens a socket; `unix.rs` and `mode.rs`: its file, if it is a Unix socket.
//! - `inherited.rs`: inherited sockets; `store.rs`: those that outlive the process.
//! - `open.rs`: the sockets that are open; `users.rs`: who uses one; `change.rs`: other options for one; `lent.rs`:
//!   one that a service uses; `kept.rs`: those of services that are restarted or replaced; `refusal.rs`: the end of
//!   one. `private.rs`: one of the process itself.
//! - `holder.rs`: which process uses an address.
//! - `descriptors.rs`: how many connections are possible.
//!
//! [socket activation]: https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
//! [descriptor store]: https://systemd.io/FILE_DESCRIPTOR_STORE/

mod bind;
mod change;
mod descriptors;
mod endpoint;
mod holder;
mod inherited;
mod kept;
mod lent;
mod mode;
mod open;
mod origin;
#[cfg(feature = "control")]
mod private;
mod refusal;
mod store;
#[cfg(test)]
mod tests;
mod unix;
mod users;

pub use bind::{ListenError, ListenOptions};
pub(crate) use descriptors::flags;
pub use descriptors::{Descriptors, ReservedDescriptors, TakenDescriptors};
pub use endpoint::Endpoint;
pub(crate) use inherited::Inherited;
pub use lent::LentSocket;
pub(crate) use lent::SocketUse;
pub use open::OpenSocket;
pub use origin::Origin;
#[cfg(feature = "control")]
pub(crate) use private::{PrivateSocketFile, listen_privately};
pub(crate) use store::DescriptorStore;
pub use unix::check_unix_path;
pub(crate) use users::Later;

use crate::service::{Belongings, Resources, ServicePath};
use crate::sync::Mutex;
use open::Open;
use std::sync::Arc;
use store::Stored;
use tracing::{info, warn};

/// All listening sockets of the process. A resource for services; each clone is the same set.
#[derive(Clone, Default)]
pub struct Sockets(Arc<Process>);

#[derive(Default)]
struct Process {
    open: Arc<Mutex<Open>>,
    state: Mutex<State>,
    descriptors: Descriptors,
}

#[derive(Default)]
struct State {
    /// The inherited sockets that no service has asked for yet.
    unclaimed: Vec<Inherited>,
    stored: Stored,
    /// All services have asked for what they need at the start of the process.
    has_started: bool,
}

impl Sockets {
    /// The sockets of a process that has inherited none.
    pub fn new() -> Self {
        Self::default()
    }

    /// The sockets of a process that has inherited these, and the store for those that it binds.
    pub(crate) fn of_process(
        inherited: Vec<Inherited>,
        store: Option<Box<dyn DescriptorStore>>,
    ) -> Self {
        let names = inherited.iter().filter_map(Inherited::stored_name);
        let mut stored = Stored::new(store, names.map(str::to_owned).collect());
        let unclaimed = without_twins(inherited, &mut stored);
        let state = Mutex::new(State { unclaimed, stored, has_started: false });
        Self(Arc::new(Process { state, ..Process::default() }))
    }

    /// The sockets among these resources. If there are none, a set without inherited sockets is added.
    pub(crate) fn lent_by(resources: &Resources) -> Arc<Self> {
        let sockets = resources.get_or_default::<Self>();
        if resources.get::<Box<dyn Belongings>>().is_none() {
            resources.insert(sockets.belongings());
        }
        sockets
    }

    /// Offers these sockets to every service, and keeps those of a service that is restarted.
    pub fn lend(&self, resources: &Resources) {
        resources.insert(self.clone());
        resources.insert(self.belongings());
    }

    /// Lends `service` a socket at `endpoint`: the one that it had, or else one that was inherited for this
    /// address or for a service with this name, or else a new one. New IPv6 sockets are IPv6-only. The name of a
    /// Unix socket is relative to the current directory.
    ///
    /// A socket that is open already gets these options, unless a socket unit has opened it. If another service hands it
    /// over, as at a reload, it gets them as soon as that can't be undone any more.
    ///
    /// `None`: an inherited IPv6 socket that the service already has accepts IPv4 clients, too.
    ///
    /// # Errors
    /// If the address can't be bound, or another service has it or one that overlaps it, or the mode of its file can't
    /// be changed. If the address is in use, the error names the service or process that uses it, if that can be found
    /// out.
    pub fn open(
        &self,
        service: &ServicePath,
        endpoint: &Endpoint,
        options: &ListenOptions,
    ) -> Result<Option<LentSocket>, ListenError> {
        let (mut state, mut open) = (self.0.state.lock(), self.0.open.lock());
        let asked = endpoint.absolute();
        let wanted = open.answered(service, &asked);
        if open.takes_ipv4_too(service, &wanted) {
            return Ok(None);
        }
        let has_started = state.has_started;
        let failed = |e| ListenError::of_system(&wanted, e, has_started);
        let id = match open.find(service, &wanted, options)? {
            Some(id) => id,
            None => match state.claim(service, &wanted, options) {
                Some(inherited) => open.add_inherited(inherited, service, &asked, options),
                None => {
                    state.forget_all(open.close_unwanted(|own| own.overlaps(&wanted)));
                    open.refuse_overlap(&wanted)?;
                    state.refuse_overlap(&wanted)?;
                    let bound = bind::bind(&wanted, options).map_err(failed)?;
                    let id = open.add_bound(bound, service, &asked, options).map_err(failed)?;
                    open.account_for(id, self.0.descriptors.opened_one());
                    state.store(&mut open, id);
                    id
                }
            },
        };
        let lent = LentSocket::lend(&self.0.open, &mut open, id, (service, options));
        lent.map(Some).map_err(failed)
    }

    /// The sockets that are open, in the order in which they were opened.
    pub fn list(&self) -> Vec<OpenSocket> {
        self.0.open.lock().list()
    }

    /// Closes inherited sockets that no service has asked for, and sockets that no service uses any more; the log
    /// says which. Call this when all services have asked for what they need.
    pub fn close_unwanted(&self) {
        let mut state = self.0.state.lock();
        state.has_started = true;
        for inherited in std::mem::take(&mut state.unclaimed) {
            if inherited.stored_name().is_some() {
                info!("closed the stored socket {inherited}: no service uses it");
                state.forget_unclaimed(inherited);
            } else {
                warn!("closed the inherited socket {inherited}: no service uses it");
            }
        }
        let closed = self.0.open.lock().close_unwanted(|_| true);
        state.forget_all(closed);
    }

    /// Closes a socket that a service has just received and can't use, wherever else it is stored, unless another one
    /// uses it.
    pub(crate) fn discard(&self, lent: LentSocket) {
        let mut state = self.0.state.lock();
        if lent.origin() != Origin::Inherited {
            let (id, user) = lent.numbers();
            let closed = self.0.open.lock().discard(id, user);
            state.forget_all(closed);
        }
    }

    fn belongings(&self) -> Box<dyn Belongings> {
        Box::new(self.clone())
    }

    fn open_sockets(&self) -> &Arc<Mutex<Open>> {
        &self.0.open
    }

    /// How many descriptors the process has left for connections.
    pub fn descriptors(&self) -> &Descriptors {
        &self.0.descriptors
    }
}

impl State {
    /// The best inherited socket for a service.
    fn claim(
        &mut self,
        service: &ServicePath,
        wanted: &Endpoint,
        options: &ListenOptions,
    ) -> Option<Inherited> {
        let ranked = self.unclaimed.iter().enumerate();
        let ranked = ranked.filter_map(|(at, one)| Some((one.rank(service, wanted, options)?, at)));
        let (_, at) = ranked.min()?;
        Some(self.unclaimed.remove(at))
    }

    /// Refuses an address that can't be bound at the same time as one that is open. A stored socket that no
    /// service has asked for is closed instead, since it belongs to an earlier configuration.
    fn refuse_overlap(&mut self, wanted: &Endpoint) -> Result<(), ListenError> {
        let overlaps = |one: &Inherited| {
            one.endpoint.as_ref().is_some_and(|own| {
                own.overlaps(wanted) || one.takes_ipv4_too() && own.has_port_of(wanted)
            })
        };
        let (overlapping, others) =
            std::mem::take(&mut self.unclaimed).into_iter().partition(overlaps);
        self.unclaimed = others;
        let mut refused = Ok(());
        for one in overlapping {
            if one.stored_name().is_some() {
                info!("closed the stored socket {one}: it is in the way of {wanted}");
                self.forget_unclaimed(one);
            } else {
                let reason = format!(
                    "it overlaps {one}, which is inherited; listen on exactly that address, or let the socket unit open {wanted}"
                );
                refused = Err(ListenError::of_conflict(wanted, reason));
                self.unclaimed.push(one);
            }
        }
        refused
    }

    /// Lets a socket that was just bound outlive this process, if that is possible.
    fn store(&mut self, open: &mut Open, id: u64) {
        let Some(bound) = open.get_mut(id) else { return };
        match self.stored.add(&bound.service, bound.as_fd()) {
            Ok(name) => bound.stored_name = name,
            Err(e) => warn!("{} will refuse clients during a restart: {e}", bound.endpoint),
        }
    }

    /// Closes a stored socket that nobody has asked for, everywhere.
    fn forget_unclaimed(&mut self, unclaimed: Inherited) {
        let (endpoint, name) =
            (unclaimed.endpoint.clone(), unclaimed.stored_name().map(str::to_owned));
        drop(unclaimed);
        name.iter().for_each(|name| self.forget_stored(name));
        if let Some(Endpoint::Unix(path)) = endpoint {
            unix::remove_stale(&path);
        }
    }

    /// Logs that sockets which nobody uses were closed, and removes them from the store.
    fn forget_all(&mut self, closed: impl IntoIterator<Item = (OpenSocket, Option<String>)>) {
        for (closed, stored_name) in closed {
            info!("closed the socket {closed}: no service uses it any more");
            stored_name.iter().for_each(|name| self.forget_stored(name));
        }
    }

    fn forget_stored(&mut self, name: &str) {
        if let Err(e) = self.stored.remove(name) {
            warn!("can't remove {name} from the descriptor store: {e}");
        }
    }
}

/// Leaves out sockets that are the same as another one. If a socket came both from a socket unit and from the
/// store, the unit's stays.
fn without_twins(mut inherited: Vec<Inherited>, stored: &mut Stored) -> Vec<Inherited> {
    inherited.sort_by_key(|one| one.origin() == Origin::Stored); // a stable sort: otherwise they keep their order
    let mut distinct: Vec<Inherited> = Vec::new();
    for one in inherited {
        match one.stored_name() {
            Some(name) if distinct.iter().any(|other| other.is_same_as(&one)) => {
                if let Err(e) = stored.remove(name) {
                    warn!("can't remove {name} from the descriptor store: {e}");
                }
            }
            _ => distinct.push(one),
        }
    }
    distinct
}
