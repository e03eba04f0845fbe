//! "Did you mean": the known word nearest to a mistyped one, by edit distance with transpositions.

/// The candidate that `word` was probably meant to be, if one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit || is_part(&word, candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `timer_c` for `timer_c_seconds`: a name whose unit was left out.
fn is_part(word: &str, candidate: &str) -> bool {
    word.len() >= 4 && (candidate.starts_with(word) || word.starts_with(candidate))
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(from != to);
            let mut best = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *to && *from == b[j - 1] {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_word_that_was_meant() {
        let words = ["domains", "listen", "data", "durability", "timer_c_seconds"];
        assert_eq!(nearest("domain", words), Some("domains"));
        assert_eq!(nearest("lsiten", words), Some("listen"));
        assert_eq!(nearest("durabilty", words), Some("durability"));
        assert_eq!(nearest("timer_c", words), Some("timer_c_seconds"));
        assert_eq!(nearest("colour", words), None);
    }
}
