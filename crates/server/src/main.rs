#![forbid(unsafe_code)]
//! strowger
#![allow(dead_code)]
mod config;
fn main() {}
