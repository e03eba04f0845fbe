//! Tables that the scripts of all shards share.

pub mod hash_table;
mod locks;
mod value;

pub use value::TableValue;
