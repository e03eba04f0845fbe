#![forbid(unsafe_code)]
//! strowger-resolve
