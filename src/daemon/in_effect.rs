//! The options that the daemon runs with, and how a reload changes them.

use super::option::Applies;
use super::options::Options;
use super::settings::{OptionError, Settings};
use tracing::Level;

/// The options that are in effect now.
#[derive(Clone)]
pub(super) struct InEffect {
    program: String,
    /// Whether the program sets up its own log.
    own_log: bool,
    options: Options,
    settings: Settings,
}

/// What new options change.
pub(super) struct OptionChanges {
    /// What will be in effect: the new values of those options that can change while the daemon is running.
    pub(super) next: InEffect,
    /// The keys of those options: `log.level`.
    pub(super) at_once: Vec<String>,
    /// The keys of the others that have new values.
    pub(super) at_restart: Vec<String>,
}

impl InEffect {
    pub(super) fn new(program: &str, own_log: bool, options: Options, settings: Settings) -> Self {
        Self { program: program.to_owned(), own_log, options, settings }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The level of the log has been changed.
    pub(super) fn set_log_level(&mut self, level: Level) {
        self.options.log_level = Some(level);
        self.settings.log.level = level;
    }

    /// Checks new options, and compares them with those in effect. An option that is set to its default where it
    /// was not set before has not changed.
    ///
    /// # Errors
    /// If the new options can't be used.
    pub(super) fn compare(&self, new: &Options) -> Result<OptionChanges, OptionError> {
        self.check(new)?;
        let mut next = self.clone();
        let (mut at_once, mut at_restart) = (Vec::new(), Vec::new());
        let current = self.check(&self.options)?;
        for (field, option) in self.options.differing(new) {
            let mut only_this = self.options.clone();
            only_this.take(field, new);
            // With the others as they are, it may contradict them: then it is not the default.
            let is_same = !only_this.differs_in_identity(&self.options)
                && self.check(&only_this).is_ok_and(|settings| settings == current);
            if is_same {
                continue;
            }
            let key = format!("{}.{}", option.table, option.key);
            match option.applies {
                Applies::AtReload => {
                    next.options.take(field, new);
                    at_once.push(key);
                }
                Applies::AtRestart => at_restart.push(key),
            }
        }
        let changed = next.check(&next.options)?;
        next.settings.log = changed.log;
        next.settings.stop_timeout = changed.stop_timeout;
        Ok(OptionChanges { next, at_once, at_restart })
    }

    /// The settings that follow from options. The user and the group are looked up only if they differ from those in
    /// effect: in a chroot, for example, they may not be found any more.
    fn check(&self, options: &Options) -> Result<Settings, OptionError> {
        let mut options = options.clone();
        if !options.differs_in_identity(&self.options) {
            options.forget_identity();
        }
        options.decide_for(&self.program, self.own_log)
    }
}

#[cfg(test)]
mod tests;
