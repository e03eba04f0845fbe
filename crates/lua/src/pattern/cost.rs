//! How much a pattern may cost in the VM's own matcher, which cannot be interrupted.

use super::compile::{Item, Kind, Pattern, is_text};

/// Steps that one call of the VM's own matcher may take: some 50 µs. Between two looks at the clock a script makes about
/// fifty such calls.
const BUILTIN_STEPS_MAX: f64 = 16_384.0;

/// Octets of a subject beyond which the VM's own functions are not called at all.
const BUILTIN_SUBJECT_OCTETS_MAX: f64 = 16_384.0;

/// Items of a pattern beyond which the VM's own functions are not called at all.
const BUILTIN_ITEMS_MAX: usize = 128;

/// How long a subject may be that is given to the VM's own matcher; -1 if this pattern is not given to it.
///
/// The bound is crude: each item costs its text, an item that may be there or not doubles what follows, a repetition
/// multiplies it by the length of the subject, and so does the search for a begin. A repetition at the very end is not
/// tried again. What the VM would refuse, or read in two ways, is not given to it either.
pub(crate) fn subject_octets_max(text: &[u8]) -> i32 {
    let pattern = Pattern::new(text, true);
    if pattern.items.len() > BUILTIN_ITEMS_MAX
        || pattern.captures.contains(&Kind::Open)
        || text.contains(&0)
    {
        return -1;
    }
    let mut doublings = 0;
    let mut repetitions = usize::from(!pattern.anchored);
    for item in &pattern.items {
        match item {
            Item::Optional(_) => doublings += 1,
            Item::Greedy(_) | Item::Lazy(_) => repetitions += 1,
            Item::Balance(..) | Item::Back(_) | Item::Fault(_) => return -1,
            _ => {}
        }
    }
    let last = pattern
        .items
        .iter()
        .rev()
        .find(|item| !matches!(item, Item::Close(_)));
    if matches!(last, Some(Item::Greedy(_) | Item::Lazy(_))) {
        repetitions -= 1;
    }
    let each = text.len().max(1) as f64 * 2_f64.powi(doublings);
    // A text is compared many octets at a time.
    let each = if is_text(text) { each / 8.0 } else { each };
    let each = match repetitions {
        0 | 1 => each,
        // An octet is looked at when it is taken and when it is given back.
        _ => 2.0 * each,
    };
    let most = (BUILTIN_STEPS_MAX / each).powf(1.0 / repetitions.max(1) as f64);
    most.min(BUILTIN_SUBJECT_OCTETS_MAX) as i32
}
