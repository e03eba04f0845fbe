//! How long a contact asks to be bound, and how long it is (RFC 3261 §10.2.1.1, §10.3 step 7, §20.10, §20.19).

use strowger_sip::StatusCode;

use crate::reply::{Cause, RegisterReply};
use crate::settings::RegistrarSettings;

/// Below this a registrar may refuse an expiry at all (RFC 3261 §10.3 step 7).
const BRIEF_SECONDS: u32 = 3_600;

/// What a malformed `expires` parameter means (RFC 3261 §20.10).
const MALFORMED_SECONDS: u32 = 3_600;

/// The expiry rules of one REGISTER.
#[derive(Debug)]
pub(crate) struct Expiry<'a> {
    settings: &'a RegistrarSettings,
    requested: u32,
}

impl<'a> Expiry<'a> {
    /// `header` is the value of the Expires header field.
    pub(crate) fn new(settings: &'a RegistrarSettings, header: Option<u32>) -> Expiry<'a> {
        Expiry {
            settings,
            requested: header.unwrap_or(settings.expires_seconds_default),
        }
    }

    /// The seconds granted to a contact with this `expires` parameter, never more than asked; `None` removes it.
    pub(crate) fn grant(&self, param: Option<&[u8]>) -> Result<Option<u32>, RegisterReply> {
        let requested = match param {
            Some(value) => delta_seconds(value).unwrap_or(MALFORMED_SECONDS),
            None => self.requested,
        };
        let settings = self.settings;
        if requested == 0 {
            return Ok(None);
        }
        if requested < BRIEF_SECONDS && requested < settings.expires_seconds_min {
            if settings.profile.raises_brief_expiry {
                return Ok(Some(settings.expires_seconds_min));
            }
            let line = format!("Min-Expires: {}\r\n", settings.expires_seconds_min);
            return Err(RegisterReply::refuse_plainly(
                StatusCode::INTERVAL_TOO_BRIEF,
                Cause::TooBrief,
            )
            .with_headers(line.as_bytes()));
        }
        // A maximum of zero would turn every registration into a removal.
        Ok(Some(requested.min(settings.expires_seconds_max.max(1))))
    }
}

/// `delta-seconds`; values over 2^32-1 are cut to it (RFC 3261 §20.10). `None` if it is no number.
pub(crate) fn delta_seconds(value: &[u8]) -> Option<u32> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0u32, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u32::from(digit - b'0'))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(header: Option<u32>, param: Option<&[u8]>) -> Result<Option<u32>, u16> {
        let settings = RegistrarSettings::default();
        Expiry::new(&settings, header)
            .grant(param)
            .map_err(|reply| reply.status.get())
    }

    #[test]
    fn the_parameter_wins_over_the_header_and_the_header_over_the_default() {
        assert_eq!(grant(Some(600), Some(b"120")), Ok(Some(120)));
        assert_eq!(grant(Some(600), None), Ok(Some(600)));
        assert_eq!(grant(None, None), Ok(Some(3_600)));
    }

    #[test]
    fn zero_removes_whatever_the_minimum() {
        assert_eq!(grant(Some(0), None), Ok(None));
        assert_eq!(grant(Some(600), Some(b"0")), Ok(None));
        assert_eq!(grant(Some(600), Some(b"000")), Ok(None));
    }

    #[test]
    fn too_brief_is_423_and_the_minimum_itself_is_not() {
        assert_eq!(grant(Some(59), None), Err(423));
        assert_eq!(grant(Some(60), None), Ok(Some(60)));
    }

    #[test]
    fn an_hour_is_never_too_brief() {
        let settings = RegistrarSettings {
            expires_seconds_min: 7_000,
            ..RegistrarSettings::default()
        };
        let expiry = Expiry::new(&settings, None);
        assert_eq!(
            expiry.grant(Some(b"3600")).map_err(|reply| reply.status),
            Ok(Some(3_600))
        );
        assert!(expiry.grant(Some(b"3599")).is_err());
    }

    #[test]
    fn too_long_is_shortened() {
        assert_eq!(grant(None, Some(b"99999999999999999999")), Ok(Some(7_200)));
    }

    #[test]
    fn a_malformed_parameter_means_an_hour() {
        for garbage in [&b""[..], b"soon", b"-1", b"1.5", b"\"60\""] {
            assert_eq!(grant(Some(600), Some(garbage)), Ok(Some(3_600)));
        }
    }

    #[test]
    fn the_profile_raises_instead_of_refusing() {
        let mut settings = RegistrarSettings::default();
        settings.profile.raises_brief_expiry = true;
        assert_eq!(
            Expiry::new(&settings, Some(5))
                .grant(None)
                .map_err(|reply| reply.status),
            Ok(Some(60))
        );
    }
}
