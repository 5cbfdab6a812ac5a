//! What the benchmarks share: who is compared and how they are launched, the daemons that result, and how
//! figures are summed up.

#![allow(dead_code)] // each benchmark uses its own part

pub mod contenders;
pub mod cores;
pub mod figures;
pub mod processes;
