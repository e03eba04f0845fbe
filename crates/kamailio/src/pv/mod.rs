//! Pseudo-variables and transformations: read once into a [`PvSpec`] or [`PvFormat`], evaluated often.
//!
//! `$name`, `$name(inner)`, `$(name(inner)[index]{transformation}…)`. Values come from a [`PvSource`] and go to a
//! [`PvSink`]; what came from the wire is never read as a pseudo-variable again.

mod clock;
mod format;
mod item;
mod name;
mod read;
mod read_address;
mod read_flow;
mod read_header;
mod select;
mod source;
mod spec;
mod store;
#[cfg(test)]
mod tests;
mod transform;
mod uri;
mod value;
mod write;

pub use format::PvFormat;
pub use source::{
    AddressPart, Family, Flags, LocalTag, Named, Place, PvBranch, PvFlow, PvSink, PvSource,
    PvTransaction, StoreKey, Stored, TableItem,
};
pub use spec::{NESTED_MAX, PvError, PvSpec, SPEC_OCTETS_MAX, TRANSFORMS_MAX};
pub use store::{Avps, STORED_OCTETS_MAX, STORED_VALUES_MAX, StoreCounters, Variables, Xavps};
pub use transform::{PREFIXED_OCTETS_MAX, RESULT_OCTETS_MAX};
pub use uri::UriText;
pub use value::PvValue;
pub use write::WriteOutcome;

pub(crate) use item::HeaderPart;
pub(crate) use name::{Taking, names, taking};
pub(crate) use read_header::fields as header_fields;
pub(crate) use spec::{number, spec_prefix};
pub(crate) use transform::names as transform_names;
