//! What a held transaction costs: sizes that a change must not raise unseen.

use super::*;
use crate::wheel::TimerWheel;

#[test]
fn held_transactions_stay_small() {
    let timer = TimerWheel::<Owner>::ENTRY_OCTETS;
    let server = Slots::<Server>::SLOT_OCTETS;
    let client = Slots::<Client>::SLOT_OCTETS;
    // The index adds a chain head of four octets; the stored response comes on top.
    let both = server + client + 2 * timer + size_of::<u32>();
    assert_eq!((server, client, timer, both), (120, 112, 24, 284));
}
