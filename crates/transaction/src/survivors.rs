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
    /// Fewer than so many before are no flood (1,024).
    const FLOOD: usize = 1_024;

    /// Notes that an entry has ended and so many are left; true if those should be moved.
    #[inline]
    pub fn one_ended(&mut self, left: usize) -> bool {
        self.most = self.most.max(left);
        let few = left <= Self::MOVED_MAX
            && left * Self::BEFORE_FOR_EACH <= self.most
            && self.most >= Self::FLOOD;
        if few {
            self.most = left;
        }
        few
    }
}

/// What was copied, held until all has been: what is given back first would be handed out again at once.
#[derive(Debug)]
pub struct Copied<T>(Vec<T>);

impl<T: Clone> Copied<T> {
    /// Nothing yet.
    pub const fn new() -> Copied<T> {
        Copied(Vec::new())
    }

    /// Puts a copy in the place of the original.
    pub fn renew(&mut self, original: &mut T) {
        let copy = original.clone();
        self.0.push(core::mem::replace(original, copy));
    }
}

impl<T: Clone> Default for Copied<T> {
    fn default() -> Copied<T> {
        Copied::new()
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
        assert_eq!(moved, [8_192, 4_096, 2_048, 1_024, 512]);
    }

    #[test]
    fn nothing_is_moved_while_as_many_come_as_go() {
        let mut survivors = Survivors::default();
        assert!(!(0..1_000).any(|n| survivors.one_ended(2_000 + n % 7)));
        // Nor when hundreds come and go at a time.
        let mut survivors = Survivors::default();
        assert!(!(0..10_000).any(|n| survivors.one_ended(999 - n % 1_000)));
    }
}
