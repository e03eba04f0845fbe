//! `differential`: our parser beside the one of `ezk-sip-types`, over the same octets (RFC 3261 §7, §25).
//!
//! Both read a message; what they make of start line, Call-ID, CSeq, From, To, topmost Via and Max-Forwards is compared.
//! Where they disagree, a [`Class`] has to explain it, and the explanation is checked on the octets: a new kind of
//! disagreement fails. `fuzz/README.md` says for each class who is right.

mod classes;
mod explain;
mod facts;
mod octets;
mod ours;
mod theirs;

pub use classes::Class;

use crate::Verdict;

use explain::{explain_field, explain_our_refusal, explain_their_refusal};

/// The target.
pub fn run(input: &[u8]) -> Verdict {
    match compare(input) {
        Ok(compared) => compared.verdict,
        Err(unexplained) => panic!("{unexplained}"),
    }
}

/// What a comparison came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// How far both came.
    pub verdict: Verdict,
    /// The disagreements, each explained.
    pub classes: Vec<Class>,
}

/// Reads with both parsers.
///
/// # Errors
/// A disagreement that no class explains.
pub fn compare(input: &[u8]) -> Result<Compared, String> {
    let (mine, other) = (ours::read(input), theirs::read(input));
    let (verdict, classes) = match (mine, other) {
        (Err(_), Err(_)) => (Verdict::Refused, Vec::new()),
        (Ok(mine), Err(stage)) => {
            let class = explain_their_refusal(&mine, &stage)
                .ok_or_else(|| format!("only we read it; they stop at {stage}: {mine:?}"))?;
            (Verdict::Read, vec![class])
        }
        (Err(failure), Ok(_)) => {
            let class = explain_our_refusal(input, failure).ok_or_else(|| {
                let input = input.escape_ascii();
                format!("only they read it; we say {failure:?}: {input}")
            })?;
            (Verdict::Read, vec![class])
        }
        (Ok(mine), Ok(other)) => {
            let mut classes = Vec::new();
            for (field, a, b) in ours::facts(&mine).differences(&other) {
                let class = explain_field(&mine, field, &a, &b).ok_or_else(|| {
                    let (a, b) = (a.escape_ascii(), b.escape_ascii());
                    format!("{field:?} is `{a}` for us and `{b}` for them: {mine:?}")
                })?;
                classes.push(class);
            }
            classes.sort_unstable();
            classes.dedup();
            (Verdict::Deep, classes)
        }
    };
    Ok(Compared { verdict, classes })
}
