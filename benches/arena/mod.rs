//! Shared by the benchmarks: the programs that are compared and how they are started, the running daemons,
//! and the summaries of figures.

#![allow(dead_code)] // each benchmark uses only a part

pub mod contenders;
pub mod cores;
pub mod figures;
pub mod processes;
