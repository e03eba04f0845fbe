//! Tables that the scripts of all shards share: hash tables, shared values, floods, address groups, destinations.

pub mod address_groups;
pub mod hash_table;
mod locks;
pub mod pike;
pub mod shared_values;
mod value;

pub use value::TableValue;
