//! A set of page numbers whose least member is found quickly.

/// Numbers per word.
const WORD: u32 = u64::BITS;

/// The set.
#[derive(Debug, Default)]
pub struct PageSet {
    words: Vec<u64>,
    /// No word before this one holds a member.
    least: usize,
}

impl PageSet {
    /// The empty set.
    pub const fn new() -> PageSet {
        PageSet {
            words: Vec::new(),
            least: 0,
        }
    }

    /// The least member.
    pub fn first(&self) -> Option<u32> {
        let word = self.words.get(self.least)?;
        if *word == 0 {
            return None;
        }
        Some(self.least as u32 * WORD + word.trailing_zeros())
    }

    /// Puts a number in.
    pub fn insert(&mut self, number: u32) {
        let place = (number / WORD) as usize;
        if place >= self.words.len() {
            self.words.resize(place + 1, 0);
        }
        if let Some(word) = self.words.get_mut(place) {
            *word |= 1 << (number % WORD);
        }
        self.least = self.least.min(place);
        self.seek();
    }

    /// Takes a number out.
    pub fn remove(&mut self, number: u32) {
        if let Some(word) = self.words.get_mut((number / WORD) as usize) {
            *word &= !(1 << (number % WORD));
        }
        self.seek();
    }

    /// The numbers below a bound that are no members, word by word.
    pub fn absent(&self, below: u32) -> Vec<u32> {
        let mut absent = Vec::new();
        for start in (0..below).step_by(WORD as usize) {
            let members = self.words.get((start / WORD) as usize).copied();
            let mut left = !members.unwrap_or(0);
            while left != 0 {
                let number = start + left.trailing_zeros();
                if number >= below {
                    break;
                }
                absent.push(number);
                left &= left - 1;
            }
        }
        absent
    }

    /// Goes on to the word with the least member; to the last one if there is none.
    fn seek(&mut self) {
        while self.words.get(self.least) == Some(&0) && self.least + 1 < self.words.len() {
            self.least += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_found() {
        let mut set = PageSet::new();
        assert_eq!(set.first(), None);
        set.remove(3);
        for number in [200, 70, 5, 64] {
            set.insert(number);
        }
        for number in [5, 64, 70, 200] {
            assert_eq!(set.first(), Some(number));
            set.remove(number);
        }
        assert_eq!(set.first(), None);
        set.insert(1_000);
        set.insert(2);
        assert_eq!(set.first(), Some(2));
        set.remove(1_000);
        set.remove(2);
        assert_eq!(set.first(), None);
        set.insert(999);
        assert_eq!(set.first(), Some(999));
    }

    #[test]
    fn what_is_absent_is_all_that_is_not_there() {
        let mut set = PageSet::new();
        assert_eq!(set.absent(0), [0; 0]);
        assert_eq!(set.absent(3), [0, 1, 2]);
        (0..200).filter(|n| n % 7 != 0).for_each(|n| set.insert(n));
        for below in [1, 63, 64, 65, 128, 200] {
            let sevens: Vec<u32> = (0..below).filter(|n| n % 7 == 0).collect();
            assert_eq!(set.absent(below), sevens, "{below}");
        }
        assert_eq!(set.absent(300).len(), 29 + 100);
    }
}
