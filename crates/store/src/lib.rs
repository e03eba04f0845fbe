#![forbid(unsafe_code)]
//! strowger-store
