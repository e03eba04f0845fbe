//! The targets, one file each.

pub mod configuration;
pub mod differential;
pub mod digest_header;
pub mod dns_answer;
pub mod element;
pub mod framing;
pub mod header_views;
pub mod kemi_arguments;
pub mod message;
pub mod uri;
