//! The control socket's place in the life of the daemon: opened with the privileges of the start, given to the user
//! that the daemon becomes, served as soon as services start, and removed when they have stopped.

use super::error::RunError;
use super::settings::Settings;
use crate::control::{self, Control, MAX_DESCRIPTORS};
use crate::service::{Process, Tree};
use crate::sockets::{PrivateSocketFile, ReservedDescriptors, Sockets, listen_privately};
use std::io;
use std::os::unix::net::UnixListener;
use tracing::warn;

/// The control socket. Clients that connect before it is served wait.
pub(super) struct ControlSocket {
    listener: UnixListener,
    remains: Remains,
}

/// What has to be kept until everything has stopped. Then the socket's file is removed.
pub(super) struct Remains {
    _file: PrivateSocketFile,
    _descriptors: ReservedDescriptors,
}

impl ControlSocket {
    /// Opens the control socket, if there is to be one, which the program may have ruled out.
    ///
    /// # Errors
    /// If it was set, and can't be opened. If the default one can't, there is a warning.
    pub(super) fn open(
        is_possible: bool,
        settings: &Settings,
        sockets: &Sockets,
    ) -> Result<Option<Self>, RunError> {
        let path = settings.control.as_ref().filter(|_| is_possible);
        let Some(path) = path else { return Ok(None) };
        match listen_privately(path, settings.privileges.owner()) {
            Ok((listener, file)) => {
                let descriptors = sockets.descriptors().reserve(MAX_DESCRIPTORS);
                let remains = Remains { _file: file, _descriptors: descriptors };
                Ok(Some(Self { listener, remains }))
            }
            Err(source) if settings.control_is_wanted => {
                Err(RunError::Control { socket: path.clone(), source })
            }
            Err(e) => {
                let path = path.display();
                warn!(
                    "can't open the control socket {path}: {e}; only `status` and `stop` will reach this daemon; --control names another file, '' means none"
                );
                Ok(None)
            }
        }
    }

    /// Serves it. The result has to be kept until everything has stopped.
    pub(super) fn serve(self, tree: Tree, process: Process) -> io::Result<Remains> {
        control::serve(self.listener, Control { tree, process })?;
        Ok(self.remains)
    }
}
