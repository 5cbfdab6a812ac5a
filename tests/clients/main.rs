//! Clients of every kind, in every number and from every side: each gets its poem whole, and none can
//! harm the daemon or another client.

#[path = "../support/mod.rs"]
mod support;

mod activation;
mod addresses;
mod crowds;
mod early;
#[path = "../lifecycle/held_file.rs"]
mod held_file;
mod memory;
mod misbehaving;
mod slow;
