//! The user's guide: how to run poetryd, and how to write services for it.
//!
//! For those who run it: the [command line](command_line), [application files](application_files),
//! [every kind and protocol](services), [plugins], [get-poetry](get_poetry), [the log](mod@log), [control], [monitoring],
//! [signals and exit statuses](signals), [users and privileges](privileges), the [security model](security),
//! [systemd], [Debian](debian), [running for years](running_for_years), [containers], and [how fast it is](how_fast).
//!
//! For those who write services: [writing services](writing_services), [a key-value daemon](key_value), [testing
//! services](testing_services), [coming from twistd](coming_from_twistd), [the tutorial's exercises](exercises), and
//! [working on poetryd](working_on_poetryd) itself.
//!
//! Commands are typed in the top-level directory of a clone, each page from top to bottom. `$` is the prompt of any user, `#`
//! that of root.

/// Makes a module of each page. In the documentation its links lead to modules, in a clone to files: of two definitions
/// of a link the first counts, and `links.txt` comes first.
macro_rules! pages {
    ($($page:ident),* $(,)?) => {
        $(
            #[doc = concat!(include_str!("links.txt"), include_str!(concat!(stringify!($page), ".md")))]
            pub mod $page {}
        )*
    };
}

pages! {
    command_line,
    control,
    monitoring,
    application_files,
    services,
    plugins,
    get_poetry,
    log,
    signals,
    privileges,
    security,
    systemd,
    debian,
    running_for_years,
    containers,
    how_fast,
    writing_services,
    key_value,
    testing_services,
    coming_from_twistd,
    exercises,
    working_on_poetryd,
}
