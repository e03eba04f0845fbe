#![forbid(unsafe_code)]
//! strowger-routing
