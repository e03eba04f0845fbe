//! Patterns of Lua 5.1 (reference manual §5.4.1), matched with an account of the steps that it takes.
//!
//! A library function of the VM runs to its end whatever its pattern costs, and a pattern with two repetitions can cost
//! the square of its subject. This matcher gives the same answers as the VM's own, errors included, but it asks now and
//! then whether it may go on.

mod class;
mod compile;
mod cost;
mod matcher;
mod substitute;

pub(crate) use compile::{Pattern, is_text};
pub(crate) use cost::subject_octets_max;
pub(crate) use matcher::{
    CAPTURES_MAX, Capture, Found, Matcher, Meter, OCTETS_PER_STEP, STEPS_PER_CHECK_MAX, Stop,
};
pub(crate) use substitute::substitute;
