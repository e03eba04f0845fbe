//! Settings of the dispatcher: probing, thresholds, what counts as an answer, and how long calls are counted.

use core::fmt;

/// Ranges of status codes that count as an answer.
const REPLY_CODES_MAX: usize = 64;

/// Which destinations are probed (`ds_probing_mode`).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum ProbeMode {
    /// 0: those with the probing flag, which goes with the result.
    #[default]
    Flagged,
    /// 1: all.
    All,
    /// 2: those inactive with the probing flag.
    Inactive,
    /// 3: those with the probing flag, which stays.
    FlaggedAlways,
}

impl ProbeMode {
    /// The mode of a number.
    pub fn from_number(number: i64) -> Option<ProbeMode> {
        Some(match number {
            0 => ProbeMode::Flagged,
            1 => ProbeMode::All,
            2 => ProbeMode::Inactive,
            3 => ProbeMode::FlaggedAlways,
            _ => return None,
        })
    }
}

/// Status codes that count as an answer to a probe beside 200 (`ds_ping_reply_codes`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyCodes(Vec<(u16, u16)>);

/// A text that names no status codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadReplyCodes(String);

impl fmt::Display for BadReplyCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is neither code=… (100 to 699) nor class=… (1 to 6), or one of too many",
            self.0.escape_debug()
        )
    }
}

impl core::error::Error for BadReplyCodes {}

impl ReplyCodes {
    /// Reads `class=2;code=403;…`. A class of hundreds, `class=400`, is that of its first digit.
    pub fn parse(text: &str) -> Result<ReplyCodes, BadReplyCodes> {
        let mut ranges = Vec::new();
        let parts = text.split([';', ':']).map(str::trim);
        for part in parts.filter(|part| !part.is_empty()) {
            let bad = || BadReplyCodes(part.to_owned());
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            let value: u16 = value.trim().parse().map_err(|_| bad())?;
            let range = match (name.trim(), value) {
                ("code", 100..=699) => (value, value),
                ("class", 1..=6) => (value * 100, value * 100 + 99),
                ("class", 100..=699) => (value / 100 * 100, value / 100 * 100 + 99),
                _ => return Err(bad()),
            };
            if ranges.len() >= REPLY_CODES_MAX {
                return Err(bad());
            }
            ranges.push(range);
        }
        Ok(ReplyCodes(ranges))
    }

    /// True if a destination that answers so is up.
    pub fn accepts(&self, code: u16) -> bool {
        code == 200
            || self
                .0
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&code))
    }
}

/// Settings of a dispatcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatcherSettings {
    /// The last destination of a set is tried only after all others (`use_default`).
    pub use_default: bool,
    /// Seconds between probes of a destination (`ds_ping_interval`); 0 probes nothing.
    pub probe_interval_seconds: u32,
    /// Which destinations are probed.
    pub probe_mode: ProbeMode,
    /// Failures in a row that make a destination inactive (`ds_probing_threshold`).
    pub probing_threshold: u32,
    /// Successes in a row that make it active again (`ds_inactive_threshold`).
    pub inactive_threshold: u32,
    /// Answers that are successes.
    pub reply_codes: ReplyCodes,
    /// Seconds until a call that was answered is no longer counted (`ds_hash_expire`).
    pub call_expire_seconds: u32,
    /// Seconds until a call that was not answered is no longer counted (`ds_hash_initexpire`).
    pub call_initial_expire_seconds: u32,
}

impl Default for DispatcherSettings {
    fn default() -> DispatcherSettings {
        DispatcherSettings {
            use_default: false,
            probe_interval_seconds: 0,
            probe_mode: ProbeMode::Flagged,
            probing_threshold: 1,
            inactive_threshold: 1,
            reply_codes: ReplyCodes::default(),
            call_expire_seconds: 7_200,
            call_initial_expire_seconds: 7_200,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_codes_are_classes_and_codes() {
        let codes = ReplyCodes::parse("class=3;code=403; code=488").expect("codes");
        for (code, accepted) in [
            (200, true),
            (302, true),
            (403, true),
            (404, false),
            (488, true),
        ] {
            assert_eq!(codes.accepts(code), accepted, "{code}");
        }
        assert!(!ReplyCodes::default().accepts(202));
        assert!(
            ReplyCodes::parse("class=400")
                .expect("a class")
                .accepts(408)
        );
        assert!(ReplyCodes::parse("class=7").is_err());
        assert!(ReplyCodes::parse("403").is_err());
    }
}
