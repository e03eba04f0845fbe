#![forbid(unsafe_code)]
//! strowger-net
