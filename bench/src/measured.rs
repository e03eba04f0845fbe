//! The part of a scenario that is measured: what the driver of a shard does besides is left out.

use crate::counting;

/// Does work that counts. `bench/run` tells callgrind to collect inside of this function alone, and allocations are
/// counted inside of it alone.
#[inline(never)]
pub fn measured<T>(work: impl FnOnce() -> T) -> T {
    counting::resume();
    let outcome = work();
    counting::pause();
    outcome
}
