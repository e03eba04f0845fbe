//! Date, always in GMT (RFC 3261 §20.17).

use crate::charset;
use crate::error::FieldError;
use crate::time::Time;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Appends `wall` in the form `Sat, 13 Nov 2010 23:29:00 GMT`.
pub fn write_date(out: &mut Vec<u8>, wall: Time) {
    let seconds = wall.as_secs();
    let days = seconds / 86_400;
    let (year, month, day) = civil(days);
    let weekday = DAYS.get((days % 7) as usize).copied().unwrap_or_default();
    let month = MONTHS.get(month as usize - 1).copied().unwrap_or_default();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let mut text = *b"Day, 00 Mon 0000 00:00:00 GMT";
    let mut put = |at: usize, octets: &[u8]| {
        if let Some(place) = text.get_mut(at..at + octets.len()) {
            place.copy_from_slice(octets);
        }
    };
    let pair = |number: u64| [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
    put(0, weekday.as_bytes());
    put(5, &pair(day));
    put(8, month.as_bytes());
    put(12, &pair(year / 100));
    put(14, &pair(year));
    put(17, &pair(hour));
    put(20, &pair(minute));
    put(23, &pair(second));
    out.extend_from_slice(&text);
}

/// Reads a Date from 1970 on, as far as [`Time`] reaches (July 2554).
pub fn parse_date(value: &[u8]) -> Result<Time, FieldError> {
    let mut parts = value
        .split(|&octet| charset::is(octet, charset::LWS))
        .filter(|part| !part.is_empty());
    let mut part = || parts.next().ok_or(FieldError::Syntax);
    let weekday = part()?;
    let (name, comma) = weekday.split_at_checked(3).ok_or(FieldError::Syntax)?;
    if comma != b","
        || !DAYS
            .iter()
            .any(|day| day.as_bytes().eq_ignore_ascii_case(name))
    {
        return Err(FieldError::Syntax);
    }
    let number = |digits: &[u8], max| charset::decimal(digits, max).ok_or(FieldError::Number);
    let day = number(part()?, 31)?;
    let month = part()?;
    let month = MONTHS
        .iter()
        .position(|name| name.as_bytes().eq_ignore_ascii_case(month))
        .ok_or(FieldError::Syntax)?;
    let year = number(part()?, 9999)?;
    let mut clock = part()?.split(|&octet| octet == b':');
    let mut field = |max| number(clock.next().unwrap_or_default(), max);
    let (hour, minute, second) = (field(23)?, field(59)?, field(60)?);
    if clock.next().is_some()
        || part()? != b"GMT"
        || parts.next().is_some()
        || year < 1970
        || day == 0
    {
        return Err(FieldError::Syntax);
    }
    let days = days_from_civil(year, month as u64 + 1, day);
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    if seconds > Time::MAX.as_secs() {
        return Err(FieldError::Number);
    }
    Ok(Time::from_secs(seconds))
}

/// Year, month and day of a day since 1970-01-01. Years are taken from March on, so that the leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// Days since 1970-01-01; the reverse of [`civil`].
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_round_trip() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_289_690_940, "Sat, 13 Nov 2010 23:29:00 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            let mut out = Vec::new();
            write_date(&mut out, Time::from_secs(seconds));
            assert_eq!(String::from_utf8_lossy(&out), text);
            assert_eq!(parse_date(text.as_bytes()), Ok(Time::from_secs(seconds)));
        }
    }

    #[test]
    fn what_time_cannot_hold_is_refused_and_not_made_less() {
        let last = "Sun, 21 Jul 2554 23:34:33 GMT";
        assert_eq!(
            parse_date(last.as_bytes()).map(Time::as_secs),
            Ok(Time::MAX.as_secs())
        );
        for beyond in [
            "Sun, 21 Jul 2554 23:34:34 GMT",
            "Sat, 14 Nov 2810 23:29:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(parse_date(beyond.as_bytes()), Err(FieldError::Number));
        }
    }

    #[test]
    fn other_zones_and_forms_are_refused() {
        for bad in [
            "Fri, 01 Jan 2010 16:00:00 EST",
            "01 Jan 2010 16:00:00 GMT",
            "Fri, 01 Jan 2010 16:00 GMT",
            "",
            "Fri, 01 Jan 1969 16:00:00 GMT",
        ] {
            assert!(parse_date(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
