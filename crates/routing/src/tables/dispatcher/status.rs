//! The state of a destination: as bits in lists, as letters in scripts and dumps.

const INACTIVE: u8 = 1;
const TRYING: u8 = 2;
const DISABLED: u8 = 4;
const PROBING: u8 = 8;

/// Whether a destination is used.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum DestinationState {
    /// It is used.
    Active,
    /// It is used, but has failed lately.
    Trying,
    /// It has failed too often and is not used.
    Inactive,
    /// An operator has switched it off.
    Disabled,
}

/// The state of a destination with its probing flag.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct DestinationStatus {
    /// Whether it is used.
    pub state: DestinationState,
    /// Whether it is asked for by OPTIONS.
    pub probing: bool,
}

impl DestinationStatus {
    /// From the flags of a list: 1 inactive, 2 trying, 4 disabled, 8 probing.
    pub fn from_flags(flags: u32) -> DestinationStatus {
        let has = |bit: u8| flags & u32::from(bit) != 0;
        let state = if has(DISABLED) {
            DestinationState::Disabled
        } else if has(INACTIVE) {
            DestinationState::Inactive
        } else if has(TRYING) {
            DestinationState::Trying
        } else {
            DestinationState::Active
        };
        DestinationStatus {
            state,
            probing: has(PROBING),
        }
    }

    /// Reads what scripts and operators write: `a`, `i`, `t` or `d`, and `p` for probing; case does not count.
    pub fn parse(letters: &str) -> Option<DestinationStatus> {
        let (mut state, mut probing) = (None, false);
        for letter in letters.bytes() {
            match letter.to_ascii_lowercase() {
                b'a' => state = Some(DestinationState::Active),
                b'i' => state = Some(DestinationState::Inactive),
                b't' => state = Some(DestinationState::Trying),
                b'd' => state = Some(DestinationState::Disabled),
                b'p' => probing = true,
                _ => return None,
            }
        }
        match (state, probing) {
            (None, false) => None,
            (state, probing) => Some(DestinationStatus {
                state: state.unwrap_or(DestinationState::Active),
                probing,
            }),
        }
    }

    /// The two letters that lists show: `AX`, `TP`…
    pub fn letters(self) -> &'static str {
        match (self.state, self.probing) {
            (DestinationState::Active, false) => "AX",
            (DestinationState::Active, true) => "AP",
            (DestinationState::Trying, false) => "TX",
            (DestinationState::Trying, true) => "TP",
            (DestinationState::Inactive, false) => "IX",
            (DestinationState::Inactive, true) => "IP",
            (DestinationState::Disabled, false) => "DX",
            (DestinationState::Disabled, true) => "DP",
        }
    }

    /// True if requests may go there.
    pub fn is_usable(self) -> bool {
        matches!(
            self.state,
            DestinationState::Active | DestinationState::Trying
        )
    }

    pub(super) fn bits(self) -> u8 {
        let state = match self.state {
            DestinationState::Active => 0,
            DestinationState::Trying => TRYING,
            DestinationState::Inactive => INACTIVE,
            DestinationState::Disabled => DISABLED,
        };
        state | if self.probing { PROBING } else { 0 }
    }
}

/// A change of state that an event route is told of.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum DestinationChange {
    /// It is used again: `dispatcher:dst-up`.
    Up,
    /// It is not used any more: `dispatcher:dst-down`.
    Down,
}
