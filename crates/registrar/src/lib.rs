#![forbid(unsafe_code)]
//! strowger-registrar
