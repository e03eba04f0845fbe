#![forbid(unsafe_code)]
//! strowger-element
