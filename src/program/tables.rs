//! The `[daemon]` and `[log]` tables of an application file.

use crate::config::{self, KeyInfo, Section};
use crate::daemon::{Asked, Described, IdentityError, OptionInfo, Options, Privileges};

/// Reads both tables. Names of users and groups are looked up, so that a mistake is reported with its line.
pub(super) fn read(top: &mut Section<'_>) -> Options {
    let daemon = top.table("daemon", |daemon| {
        let options = Options::ask(&mut Table { name: "daemon", section: daemon });
        if let (Some(_), Some(true)) = (&options.logfile, options.syslog) {
            let message = "syslog: can't be used together with logfile; choose one";
            daemon.mistake("syslog", message);
        }
        check_identity(daemon, &options);
        options
    });
    let log = top.table("log", |log| Options::ask(&mut Table { name: "log", section: log }));
    daemon.unwrap_or_default().or(log.unwrap_or_default())
}

/// The descriptions of the keys of one of them.
pub(super) fn keys(table: &'static str) -> Vec<(OptionInfo, KeyInfo)> {
    let ask = |section: &mut Section<'_>| Options::ask(&mut Table { name: table, section });
    let options = Options::all().into_iter().filter(|option| option.table == table);
    options.zip(config::keys_of(ask)).collect()
}

/// One of the two tables.
struct Table<'a, 'b> {
    name: &'static str,
    section: &'a mut Section<'b>,
}

impl Asked for Table<'_, '_> {
    fn ask<T>(&mut self, option: Described<T>) -> Option<T> {
        let Described { info, value_type } = option;
        let is_here = info.table == self.name;
        is_here.then(|| self.section.optional(info.key, |value| value_type.read(value))).flatten()
    }
}

/// Looks up the user and the group together, as the daemon will: if both are numbers, nothing is looked up. If
/// that fails, each is looked up alone to find out which of them is wrong.
fn check_identity(daemon: &mut Section<'_>, options: &Options) {
    let (uid, gid) = (options.uid.as_deref(), options.gid.as_deref());
    let Err(together) = Privileges::resolve(uid, gid, false) else { return };
    let wrong_gid = Privileges::resolve(None, gid, false).err();
    let wrong_uid = Privileges::resolve(uid, None, false).err();
    let nothing_wrong_alone = wrong_gid.is_none() && wrong_uid.is_none();
    if let Some(e) = wrong_gid {
        daemon.mistake("gid", format!("gid: {e}"));
    }
    match wrong_uid.or(Some(together).filter(|_| nothing_wrong_alone)) {
        None | Some(IdentityError::NoGroupOfUser(_)) => {} // the command line may set the group
        Some(e) => daemon.mistake("uid", format!("uid: {e}")),
    }
}
