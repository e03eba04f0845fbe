//! Tables that the programs of all shards share.

/// All of them.
#[derive(Debug, Default)]
pub struct ScriptTables {}
