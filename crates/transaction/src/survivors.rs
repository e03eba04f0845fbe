//! What is left when most has ended is moved together. A single response that outlives thousands of others would keep
//! the memory around it from being given back; many of them, a large part of what a flood has taken.

/// When to look after what is left of one table.
#[derive(Debug, Default)]
pub struct Survivors {
    /// The most entries that were held since it was done last.
    most: usize,
}

impl Survivors {
    /// More than so many are never moved: it is done in one go (8,192).
    const MOVED_MAX: usize = 8_192;
    /// So many times as many were held before (2).
    const BEFORE_FOR_EACH: usize = 2;
    /// Fewer than so many are not worth it (32).
    const MANY: usize = 32;

    /// Notes that an entry has ended and so many are left; true if those should be moved.
    #[inline]
    pub fn one_ended(&mut self, left: usize) -> bool {
        self.most = self.most.max(left);
        let few = left <= Self::MOVED_MAX
            && left * Self::BEFORE_FOR_EACH <= self.most
            && self.most >= Self::MANY;
        if few {
            self.most = left;
        }
        few
    }
}

/// Puts copies in the place of all. They are held twice until the end: what is given back first would be handed out again at
/// once.
pub fn renew<'a, T: Clone + 'a>(all: impl Iterator<Item = &'a mut T>) {
    let mut before = Vec::new();
    for one in all {
        let copy = one.clone();
        before.push(core::mem::replace(one, copy));
    }
}

#[cfg(test)]
mod tests {
    use super::Survivors;

    #[test]
    fn what_is_left_is_moved_when_most_has_ended_and_not_each_time() {
        let mut survivors = Survivors::default();
        let moved: Vec<usize> = (1..=100_000)
            .rev()
            .filter(|held| survivors.one_ended(*held))
            .collect();
        assert_eq!(
            moved,
            [8_192, 4_096, 2_048, 1_024, 512, 256, 128, 64, 32, 16]
        );
    }

    #[test]
    fn nothing_is_moved_while_as_many_come_as_go() {
        let mut survivors = Survivors::default();
        assert!(!(0..1_000).any(|n| survivors.one_ended(2_000 + n % 7)));
    }
}
