//! The time stamp of a log line, `2026-01-31T09:14:02.118456Z`; the text of its second is kept for the next line.

use std::io::Write;

use strowger_sip::Time;

const DAY_SECONDS: u64 = 86_400;

/// Writes time stamps.
#[derive(Debug, Default)]
pub struct Stamp {
    second: Option<u64>,
    /// `2026-01-31T09:14:02.`
    text: Vec<u8>,
}

impl Stamp {
    /// Appends the time stamp of `wall`, UTC.
    pub fn write(&mut self, wall: Time, out: &mut Vec<u8>) {
        let second = wall.as_secs();
        if self.second != Some(second) {
            self.second = Some(second);
            self.text.clear();
            let (year, month, day) = date(second / DAY_SECONDS);
            let of_day = second % DAY_SECONDS;
            let (hour, minute) = (of_day / 3_600, of_day / 60 % 60);
            // Writing to a Vec cannot fail.
            let _ = write!(
                self.text,
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.",
                of_day % 60
            );
        }
        out.extend_from_slice(&self.text);
        let mut rest = wall.as_nanos() / 1_000 % 1_000_000;
        let mut micros = *b"000000Z";
        for digit in micros.iter_mut().take(6).rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        out.extend_from_slice(&micros);
    }
}

/// Year, month and day of the Gregorian calendar, of a day counted from 1970-01-01.
fn date(day: u64) -> (u64, u64, u64) {
    // Days are counted from 0000-03-01, so that a leap day is the last of its year.
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(stamp: &mut Stamp, nanos: u64) -> String {
        let mut out = Vec::new();
        stamp.write(Time::from_nanos(nanos), &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn writes_date_and_microseconds() {
        let mut one = Stamp::default();
        assert_eq!(stamp(&mut one, 0), "1970-01-01T00:00:00.000000Z");
        let leap = 1_709_251_199_u64 * 1_000_000_000;
        assert_eq!(
            stamp(&mut one, leap + 999_999_999),
            "2024-02-29T23:59:59.999999Z"
        );
        assert_eq!(
            stamp(&mut one, leap + 1_000_000_000),
            "2024-03-01T00:00:00.000000Z"
        );
        assert_eq!(
            stamp(&mut one, leap + 1_000_012_345),
            "2024-03-01T00:00:00.000012Z"
        );
    }

    #[test]
    fn days_follow_each_other() {
        let mut last = date(0);
        assert_eq!(last, (1970, 1, 1));
        for day in 1..200_000 {
            let (year, month, day_of_month) = date(day);
            let next = match day_of_month {
                1 if month == 1 => {
                    (year, month, day_of_month) == (last.0 + 1, 1, 1) && last.2 == 31
                }
                1 => (year, month) == (last.0, last.1 + 1) && last.2 >= 28,
                _ => (year, month, day_of_month) == (last.0, last.1, last.2 + 1),
            };
            assert!(next, "{last:?} then {year}-{month}-{day_of_month}");
            last = (year, month, day_of_month);
        }
    }
}
