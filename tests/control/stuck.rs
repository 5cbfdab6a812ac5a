//! A service that blocks the worker which makes changes.

use crate::assert_says;
use crate::blocking::Blocking;
use crate::support::{Foreground, Sandbox, command, run, until};
use poetryd::Program;
use poetryd::config::Registry;
use poetryd::daemon::Environment;
use std::process::{Command, ExitCode};

pub fn main() -> ExitCode {
    let environment = Environment::claim();
    let mut registry = Registry::new();
    registry.kind::<Blocking>("blocking");
    let program = Program::new("stuck", "1.0", "Has a service that blocks").registry(registry);
    let control = std::env::var_os("STUCK").is_some_and(|value| value != "without control");
    let program = if control { program } else { program.without_control().without_reload() };
    program.run(environment, std::env::args_os())
}

fn program(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut program = command(std::env::current_exe().unwrap());
    program.args(args).current_dir(sandbox.path("")).env("STUCK", "1");
    program
}

pub fn the_status_answers_while_a_worker_is_stuck_and_changes_say_that_it_is() {
    let sandbox = Sandbox::new();
    sandbox.write("stuck.toml", "[services.block]\nkind = \"blocking\"\n");
    let args = ["--nodaemon", "--workers", "1", "stuck.toml"];
    let _daemon = Foreground::start(program(&sandbox, &args));
    let status = || run(program(&sandbox, &["status"]));
    until("the block", || {
        String::from_utf8_lossy(&status().stdout).contains("blocking  running  blocks now")
    });
    let restart = run(program(&sandbox, &["service", "restart", "block"]));
    assert_says(&restart, 1, &["has not responded for 5 s"]);
    assert_says(&status(), 0, &["blocks now"]);
    sandbox.write("go-on", "");
    let restart = || run(program(&sandbox, &["service", "restart", "block"]));
    assert_says(&restart(), 0, &["has been restarted"]);
}

pub fn a_program_can_leave_it_out() {
    let sandbox = Sandbox::new();
    sandbox.write("stuck.toml", "[services.block]\nkind = \"blocking\"\n");
    sandbox.write("go-on", "");
    let without = |args: &[&str]| {
        let mut program = program(&sandbox, args);
        program.env("STUCK", "without control");
        program
    };
    let refused = run(without(&["--nodaemon", "--control", "socket", "stuck.toml"]));
    assert_says(&refused, 2, &["--control has no effect here"]);
    let daemon = Foreground::start(without(&["--nodaemon", "stuck.toml"])).ready();
    assert!(!sandbox.path("stuck.sock").exists());
    assert_says(&run(without(&["status"])), 0, &["stuck is running with pid"]);
    assert_says(&run(without(&["reload"])), 1, &["no control socket"]);
    assert_says(&run(without(&["stop"])), 0, &["has stopped"]);
    assert!(daemon.wait().0.success());
}
