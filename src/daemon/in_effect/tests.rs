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
