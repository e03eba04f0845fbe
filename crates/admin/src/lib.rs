#![forbid(unsafe_code)]
//! strowger-admin
