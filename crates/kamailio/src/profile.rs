//! The Kamailio behaviour profile: what Kamailio does on purpose otherwise than RFC 3261 and 4320.
//!
//! The door selects it; the native settings of every crate have all of it off. Who builds the settings of the
//! transaction layer and of the registrar copies the fields.

/// Deviations from the RFC; [`Default`] is what Kamailio does, [`KamailioProfile::NATIVE`] the RFC.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct KamailioProfile {
    /// A registration's expiry below the minimum is raised to it, never refused with 423 (RFC 3261 §10.3 step 7).
    pub raises_brief_expiry: bool,
    /// A REGISTER with the CSeq last accepted, but another branch, updates the binding (RFC 3261 §10.3 step 7).
    pub accepts_equal_cseq: bool,
    /// Retransmissions of an INVITE come at most T2 apart, as those of other requests (RFC 3261 §17.1.1.2).
    pub timer_a_capped_at_t2: bool,
    /// A request other than INVITE may be answered with 408 (RFC 4320 §4.2).
    pub non_invite_408: bool,
}

impl KamailioProfile {
    /// Nothing deviates.
    pub const NATIVE: KamailioProfile = KamailioProfile {
        raises_brief_expiry: false,
        accepts_equal_cseq: false,
        timer_a_capped_at_t2: false,
        non_invite_408: false,
    };
}

impl Default for KamailioProfile {
    fn default() -> KamailioProfile {
        KamailioProfile {
            raises_brief_expiry: true,
            accepts_equal_cseq: true,
            timer_a_capped_at_t2: true,
            non_invite_408: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deviation_is_on_in_the_profile_and_off_natively() {
        let KamailioProfile {
            raises_brief_expiry,
            accepts_equal_cseq,
            timer_a_capped_at_t2,
            non_invite_408,
        } = KamailioProfile::default();
        assert!(
            raises_brief_expiry && accepts_equal_cseq && timer_a_capped_at_t2 && non_invite_408
        );
        assert_ne!(KamailioProfile::default(), KamailioProfile::NATIVE);
    }
}
