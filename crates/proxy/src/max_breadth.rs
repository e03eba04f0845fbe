//! Max-Breadth: how many branches a request may have at one time over all its forks (RFC 5393 §5).

use strowger_sip::{HeaderName, Message};

use crate::settings::ProxySettings;
use crate::validate::Refusal;

/// The breadth a request may use: its Max-Breadth, or the default where it brings none or more than that.
pub fn incoming(request: &Message, settings: &ProxySettings) -> Result<u32, Refusal> {
    let brought = request
        .number(HeaderName::MaxBreadth)
        .map_err(|_| Refusal::BadMaxBreadth)?;
    let breadth = brought
        .unwrap_or(settings.max_breadth)
        .min(settings.max_breadth);
    if breadth == 0 {
        Err(Refusal::MaxBreadthExceeded)
    } else {
        Ok(breadth)
    }
}

/// The share of branch `index` of `branches` parallel ones; `None` if there is less than one for each.
/// The shares add up to `total` at most, and breadth that a finished group had is free again for the next.
pub fn share(total: u32, branches: usize, index: usize) -> Option<u32> {
    let branches = u32::try_from(branches)
        .ok()
        .filter(|&branches| branches > 0 && branches <= total)?;
    let extra = (index as u64) < u64::from(total % branches);
    Some(total / branches + u32::from(extra))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_total() {
        for total in 1..70 {
            for branches in 1..=total as usize {
                let shares: Vec<u32> = (0..branches)
                    .filter_map(|index| share(total, branches, index))
                    .collect();
                assert_eq!(shares.len(), branches);
                assert_eq!(shares.iter().sum::<u32>(), total);
                assert!(shares.iter().all(|&share| share > 0));
            }
        }
    }

    #[test]
    fn more_branches_than_breadth_have_no_share() {
        assert_eq!(share(2, 3, 0), None);
        assert_eq!(share(0, 1, 0), None);
        assert_eq!(share(1, 0, 0), None);
    }
}
