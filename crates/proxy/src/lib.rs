#![forbid(unsafe_code)]
//! strowger-proxy
