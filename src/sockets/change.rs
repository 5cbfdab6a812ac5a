//! Other options for a socket that is open: the service that has it may have changed, or its settings.

use super::open::OneOpen;
use super::refusal::admit_new_clients;
use super::{Endpoint, ListenError, ListenOptions, Origin};
use std::os::fd::AsFd;
use tracing::warn;

impl OneOpen {
    /// Whether the socket can get these options.
    ///
    /// # Errors
    /// If its file needs another mode, and that can't be changed: the daemon may have been another user when it opened
    /// the socket.
    pub(super) fn check_change(&self, wanted: &ListenOptions) -> Result<(), ListenError> {
        let Some(file) = self.file.as_ref().filter(|_| self.options.mode != wanted.mode) else {
            return Ok(());
        };
        let modes = (self.options.mode, wanted.mode);
        file.check_mode_can_change().map_err(|e| ListenError::of_mode(&self.endpoint, modes, e))
    }

    /// Gives the socket the options of the service that it belongs to, unless the service that hands it over may
    /// still get it back. The clients that wait in its queue stay there.
    pub(super) fn take_options(&mut self) {
        let Some(wanted) = self.users.wanted().cloned() else { return };
        if self.origin == Origin::Inherited || !self.handed_over_by.is_empty() {
            return;
        }
        if !matches!(self.endpoint, Endpoint::Udp(_)) {
            (wanted.before_listen)(self.socket.as_fd());
        }
        admit_new_clients(&self.socket, &self.endpoint);
        if self.options.backlog != wanted.backlog
            && !matches!(self.endpoint, Endpoint::Udp(_))
            && let Err(e) = self.socket.listen(i32::try_from(wanted.backlog).unwrap_or(i32::MAX))
        {
            warn!("can't change the backlog of {} to {}: {e}", self.endpoint, wanted.backlog);
        }
        if self.options.mode != wanted.mode
            && let Some(file) = &self.file
            && let Err(e) = file.set_mode(wanted.mode)
        {
            warn!("can't change the mode of {} to {:03o}: {e}", self.endpoint, wanted.mode);
        }
        self.options = wanted;
    }
}
