//! Pieces of text in one shared block, made with one allocation.

use std::sync::Arc;

/// Octets that are put together on the stack; what is longer takes a detour.
const ROOM: usize = 384;

/// The pieces, one behind the other.
pub(crate) fn shared(pieces: &[&[u8]]) -> Arc<[u8]> {
    let total = pieces.iter().map(|piece| piece.len()).sum();
    let mut room = [0; ROOM];
    match room.get_mut(..total) {
        Some(place) => {
            fill(place, pieces);
            Arc::from(&*place)
        }
        None => pieces.concat().into(),
    }
}

fn fill(place: &mut [u8], pieces: &[&[u8]]) {
    let mut at = 0;
    for piece in pieces {
        let end = at + piece.len();
        if let Some(place) = place.get_mut(at..end) {
            place.copy_from_slice(piece);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::{ROOM, shared};

    #[test]
    fn pieces_of_any_length_are_put_together() {
        for length in [0, 1, ROOM - 3, ROOM - 2, ROOM] {
            let long = vec![b'x'; length];
            let pieces: [&[u8]; 3] = [b"a", &long, b"b"];
            assert_eq!(*shared(&pieces), *pieces.concat());
        }
    }
}
