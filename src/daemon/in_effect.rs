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
mod tests {
    use super::*;
    use std::time::Duration;

    fn in_effect(options: Options) -> InEffect {
        let settings = options.clone().check("poetryd").unwrap();
        InEffect::new("poetryd", false, options, settings)
    }

    fn foreground() -> Options {
        Options { nodaemon: Some(true), ..Options::default() }
    }

    #[test]
    fn what_can_change_at_once_does_and_the_rest_is_named_each_time() {
        let before = in_effect(foreground());
        let new = Options {
            log_level: Some(Level::DEBUG),
            stop_timeout: Some(Duration::from_secs(3)),
            workers: Some(1000),
            ..foreground()
        };
        let first = before.compare(&new).unwrap();
        assert_eq!(first.at_once, ["daemon.stop-timeout", "log.level"]);
        assert_eq!(first.at_restart, ["daemon.workers"]);
        assert_eq!(first.next.settings.log.level, Level::DEBUG);
        assert_eq!(first.next.settings.stop_timeout, Duration::from_secs(3));
        assert_eq!(first.next.settings.workers, before.settings.workers);
        let second = first.next.compare(&new).unwrap();
        assert_eq!((&second.at_once[..], second.at_restart), (&[][..], first.at_restart));
    }

    #[test]
    fn an_option_that_is_set_to_its_default_has_not_changed() {
        let before = in_effect(foreground());
        let new = Options {
            log_level: Some(Level::INFO),
            keep: Some(10),
            pidfile: Some("poetryd.pid".into()),
            ..foreground()
        };
        let changes = before.compare(&new).unwrap();
        assert_eq!((changes.at_once, changes.at_restart), (vec![], vec![]));
    }

    #[test]
    fn an_option_that_is_not_set_any_more_has_its_default_again() {
        let before = in_effect(Options { log_level: Some(Level::TRACE), ..foreground() });
        let changes = before.compare(&foreground()).unwrap();
        assert_eq!(changes.at_once, ["log.level"]);
        assert_eq!(changes.next.settings.log.level, Level::INFO);
    }

    #[test]
    fn a_level_that_was_set_in_between_is_compared_with() {
        let mut now = in_effect(foreground());
        now.set_log_level(Level::TRACE);
        let changes = now.compare(&foreground()).unwrap();
        assert_eq!(changes.at_once, ["log.level"]);
        assert_eq!(changes.next.settings.log.level, Level::INFO);
    }

    #[test]
    fn a_user_that_was_known_at_the_start_need_not_be_found_again() {
        let mut now = in_effect(foreground());
        now.options.uid = Some("nobody-has-this-name".into());
        let new = Options { uid: now.options.uid.clone(), keep: Some(3), ..foreground() };
        assert_eq!(now.compare(&new).unwrap().at_once, ["log.keep"]);
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        let new = Options { logfile: Some("x.log".into()), syslog: Some(true), ..foreground() };
        let refused = in_effect(foreground()).compare(&new);
        assert!(matches!(refused, Err(OptionError::TwoLogs)));
    }

    #[test]
    fn two_options_that_only_make_sense_together_are_both_named() {
        let before = in_effect(Options::default());
        let new = Options { logfile: Some("-".into()), ..foreground() };
        let changes = before.compare(&new).unwrap();
        assert_eq!(changes.at_restart, ["daemon.nodaemon", "daemon.logfile"]);
    }
}
