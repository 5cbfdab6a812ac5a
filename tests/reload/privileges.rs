//! What a daemon can't do any more after it has given up its privileges.

use crate::support::Sandbox;
use crate::support::network::own_network;
use crate::trial::{GOOD, Trial, free_port};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

fn good() -> String {
    // Its directory is root's: it could not remove a socket file there.
    let good = GOOD.replace("PORT", &free_port().to_string());
    good.replace("path = \"poetry.sock\"", "path = \"@poetryd-privileges\"")
}

#[test]
#[ignore = "root"]
fn a_port_below_1024_is_refused_with_the_way_out_and_one_that_it_has_stays() {
    let _own_network = own_network();
    let sandbox = Sandbox::new();
    let good = good().replacen("port = ", "port = 17 # ", 1);
    sandbox.write("app.toml", &good);
    let command = sandbox.poetryd(&["--nodaemon", "--uid", "nobody", "app.toml"]);
    let mut trial = Trial::start(&sandbox, good.clone(), command, ".");
    let words = [
        "service fast could not start: can't listen on 127.0.0.1:18: Permission denied",
        "restart it, or let a socket unit open the port",
    ];
    trial.refuses(&trial.with("port = 17 ", "port = 18 "), 1, &words);
    // The listener is another one, and its port the one that it was given as root.
    sandbox
        .write("app.toml", &trial.with("protocol = \"fast\"", "protocol = \"fast\"\nbacklog = 9"));
    trial.reloads();
    trial.daemon.stop();
}

#[test]
#[ignore = "root"]
fn a_file_that_the_new_user_may_not_read_is_refused_for_that_reason() {
    let _own_network = own_network();
    let sandbox = Sandbox::new();
    let good = good();
    sandbox.write("app.toml", &good);
    let command = sandbox.poetryd(&["--nodaemon", "--uid", "nobody", "app.toml"]);
    let mut trial = Trial::start(&sandbox, good, command, ".");
    let set_mode = |name: &str, mode| {
        fs::set_permissions(sandbox.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode("app.toml", 0o600);
    trial.is_refused(1, &["app.toml again: the daemon is the user with id 65534 now", "restart"]);
    set_mode("app.toml", 0o644);
    trial.reloads();
    set_mode("poetry/ecstasy.txt", 0o600);
    trial.is_refused(1, &["can't load the poem ", "poetry/ecstasy.txt: Permission denied"]);
    set_mode("poetry/ecstasy.txt", 0o644);
    trial.reloads();
    trial.daemon.stop();
}

#[test]
#[ignore = "root"]
fn a_file_outside_the_new_root_is_refused_for_that_reason() {
    let _own_network = own_network();
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("jail/poetry")).unwrap();
    fs::rename(sandbox.path("poetry/ecstasy.txt"), sandbox.path("jail/poetry/ecstasy.txt"))
        .unwrap();
    let good = good();
    sandbox.write("app.toml", &good);
    let command = sandbox.poetryd(&["--nodaemon", "--chroot", "jail", "app.toml"]);
    let mut trial = Trial::start(&sandbox, good, command, "jail");
    trial.is_refused(1, &["app.toml", "root directory"]);
    trial.is_refused(1, &["app.toml", "root directory"]);
    trial.daemon.stop();
}

#[test]
#[ignore = "root"]
fn the_mode_of_a_socket_of_root_is_refused_with_the_way_out() {
    let _own_network = own_network();
    let sandbox = Sandbox::new();
    let good = good().replace("@poetryd-privileges", "poetry.sock");
    sandbox.write("app.toml", &good);
    let command = sandbox.poetryd(&["--nodaemon", "--uid", "nobody", "app.toml"]);
    let mut trial = Trial::start(&sandbox, good, command, ".");
    let mode = trial.with("path = \"poetry.sock\"", "path = \"poetry.sock\"\nmode = \"600\"");
    let words = [
        "its mode can't be changed from 666 to 600 while it is open: Operation not permitted",
        "restart the daemon",
    ];
    trial.refuses(&mode, 1, &words);
    chown(sandbox.path("poetry.sock"), Some(65534), None).unwrap();
    sandbox.write("app.toml", &mode);
    trial.reloads();
    let now = fs::metadata(sandbox.path("poetry.sock")).unwrap().permissions().mode() & 0o777;
    assert_eq!(now, 0o600);
    trial.daemon.stop();
}
