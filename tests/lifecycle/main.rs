//! The background daemon: how it starts, detaches and stops, what it refuses, and what it leaves behind,
//! which is nothing.

#[path = "../support/mod.rs"]
mod support;

mod background;
mod built_in;
mod control;
mod early;
mod failures;
mod hangup;
mod held_file;
mod interrupted;
mod launch;
mod locks;
mod mistakes;
mod pid_file;
mod ready;
mod sweep;
mod without_proc;
