#![forbid(unsafe_code)]
//! strowger-sim
