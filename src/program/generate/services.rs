//! The services that a command line may mean.

use super::super::Program;
use crate::daemon::{Options, Source};
use crate::service::{MultiService, Service, ServicePath};

/// How long a daemon may take to say which services it has. Somebody waits at a keyboard.
#[cfg(feature = "control")]
const ANSWER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);

impl Program {
    /// Those of the daemon that these options describe. `None`: it is not running, or does not answer.
    #[cfg(feature = "control")]
    pub(super) fn running_services(&self, options: Options) -> Option<Vec<String>> {
        use super::super::reach::{ask_status, reach};
        use crate::cli::Named;
        let daemon = self.find_daemon(Named::default(), None, options, "service").ok()?;
        let client = reach(&daemon).ok()?;
        let answer = ask_status(&daemon, client, ANSWER_TIMEOUT).ok()?;
        Some(answer.status.services.into_iter().map(|service| service.path).collect())
    }

    /// Those of the application that would be run.
    pub(super) fn services_of_file(&self, options: &Options) -> Vec<String> {
        let file = self.application_file(None, options);
        // Anything else might keep a reader waiting.
        if file.is_some_and(|file| !file.is_file()) {
            return Vec::new();
        }
        let Ok((application, _)) = self.source(None, options).load() else { return Vec::new() };
        let mut paths = Vec::new();
        add_paths(application.services(), &ServicePath::root(), &mut paths);
        paths
    }
}

fn add_paths(parent: &MultiService, path: &ServicePath, paths: &mut Vec<String>) {
    for name in parent.names() {
        let path = path.child(&name);
        paths.push(path.as_str().to_owned());
        let children = |service: &dyn Service| service.children().cloned();
        if let Some(Some(children)) = parent.inspect(&name, children) {
            add_paths(&children, &path, paths);
        }
    }
}
