#![forbid(unsafe_code)]
//! What fuzzing checks, as functions of octets: the same bodies run under libFuzzer (`fuzz/`, nightly), are replayed from
//! the committed inputs by `cargo test`, and are fed by the mutator of the program `strowger-fuzz` on stable.
//!
//! A body panics if what it was given breaks a rule; that it returns at all is a part of what is checked. Everything is
//! a function of the input: no clock, no chance, no state that stays from one input to the next.

mod corpus;
mod dictionary;
mod mutate;
mod random;
pub mod report;
mod rig;
mod runner;
pub mod targets;

pub use corpus::{Corpus, INPUT_OCTETS_MAX};
pub use dictionary::words;
pub use mutate::Mutator;
pub use random::Random;
pub use runner::{Finding, Outcome, Runner};

/// How far an input came.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was refused as it should be, or held nothing to check.
    Refused,
    /// It was read, and what was read was checked.
    Read,
    /// It was read, and led to the deeper part of what the target is about.
    Deep,
}

/// One target.
#[derive(Copy, Clone, Debug)]
pub struct Target {
    /// Its name; that of its folder in `fuzz/corpus/` too.
    pub name: &'static str,
    /// What it does with an input.
    pub run: fn(&[u8]) -> Verdict,
    /// What its inputs are made of.
    pub shape: Shape,
}

/// What inputs of a target are made of; the mutator goes by it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Lines that end with CR LF.
    Message,
    /// One value on one line.
    Value,
    /// Lines that end with LF.
    Text,
    /// Records between octets 0xFF: see the targets.
    Records,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "message",
        run: targets::message::run,
        shape: Shape::Message,
    },
    Target {
        name: "uri",
        run: targets::uri::run,
        shape: Shape::Value,
    },
    Target {
        name: "header_views",
        run: targets::header_views::run,
        shape: Shape::Value,
    },
    Target {
        name: "framing",
        run: targets::framing::run,
        shape: Shape::Message,
    },
    Target {
        name: "digest_header",
        run: targets::digest_header::run,
        shape: Shape::Value,
    },
    Target {
        name: "dns_answer",
        run: targets::dns_answer::run,
        shape: Shape::Text,
    },
    Target {
        name: "configuration",
        run: targets::configuration::run,
        shape: Shape::Text,
    },
    Target {
        name: "kemi_arguments",
        run: targets::kemi_arguments::run,
        shape: Shape::Text,
    },
    Target {
        name: "element",
        run: targets::element::run,
        shape: Shape::Records,
    },
    Target {
        name: "differential",
        run: targets::differential::run,
        shape: Shape::Message,
    },
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
