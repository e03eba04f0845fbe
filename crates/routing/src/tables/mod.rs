//! Tables that the scripts of all shards share.

pub mod address_groups;
pub mod dispatcher;
pub mod hash_table;
mod locks;
pub mod pike;
pub mod shared_values;
mod value;

pub use value::TableValue;
