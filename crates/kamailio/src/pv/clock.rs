//! Date and time from the wall clock that the driver hands in. The time zone is UTC.

use super::item::ClockPart;
use super::read::push_number;
use super::source::PvSource;
use super::value::PvValue;

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A point in time in the calendar.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: i64,
    /// 1 to 31.
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    /// 0 is Sunday.
    pub(crate) weekday: i64,
    /// 0 is the first of January.
    pub(crate) day_of_year: i64,
    unix: i64,
}

impl Civil {
    /// Seconds since 1970-01-01T00:00:00Z, in the calendar of Gregory.
    pub(crate) fn from_unix(unix: i64) -> Civil {
        let (days, seconds) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
        // Years begin in March, so that a leap day is the last one; eras of 400 years have 146,097 days.
        let shifted = days.saturating_add(719_468);
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let day_of_year = if month <= 2 {
            of_year - 306
        } else {
            of_year + 59 + i64::from(leap)
        };
        Civil {
            year,
            month,
            day: of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: seconds / 3_600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            weekday: (days + 4).rem_euclid(7),
            day_of_year,
            unix,
        }
    }

    /// Appends the time by a `strftime` format; unknown letters stay as they are.
    pub(crate) fn write(&self, format: &[u8], out: &mut Vec<u8>) {
        let mut octets = format.iter().copied();
        while let Some(octet) = octets.next() {
            if octet != b'%' {
                out.push(octet);
                continue;
            }
            match octets.next() {
                Some(letter) => self.write_field(letter, out),
                None => out.push(b'%'),
            }
        }
    }

    fn write_field(&self, letter: u8, out: &mut Vec<u8>) {
        let name = |names: &[&'static str], index: i64| {
            usize::try_from(index)
                .ok()
                .and_then(|index| names.get(index).copied())
                .unwrap_or_default()
        };
        let mut two = |number: i64| push_number(out, format_args!("{number:02}"));
        match letter {
            b'd' => two(self.day),
            b'm' => two(self.month),
            b'H' => two(self.hour),
            b'M' => two(self.minute),
            b'S' => two(self.second),
            b'y' => two(self.year.rem_euclid(100)),
            b'C' => two(self.year.div_euclid(100)),
            b'I' => two((self.hour + 11) % 12 + 1),
            b'Y' => push_number(out, self.year),
            b'j' => push_number(out, format_args!("{:03}", self.day_of_year + 1)),
            b'e' => push_number(out, format_args!("{:2}", self.day)),
            b'u' => push_number(out, (self.weekday + 6) % 7 + 1),
            b'w' => push_number(out, self.weekday),
            b's' => push_number(out, self.unix),
            b'A' => out.extend_from_slice(name(&DAYS, self.weekday).as_bytes()),
            b'a' => out.extend_from_slice(
                name(&DAYS, self.weekday)
                    .as_bytes()
                    .get(..3)
                    .unwrap_or_default(),
            ),
            b'B' => out.extend_from_slice(name(&MONTHS, self.month - 1).as_bytes()),
            b'b' | b'h' => {
                out.extend_from_slice(
                    name(&MONTHS, self.month - 1)
                        .as_bytes()
                        .get(..3)
                        .unwrap_or_default(),
                );
            }
            b'p' => out.extend_from_slice(if self.hour < 12 { b"AM" } else { b"PM" }),
            b'F' => self.write(b"%Y-%m-%d", out),
            b'T' => self.write(b"%H:%M:%S", out),
            b'R' => self.write(b"%H:%M", out),
            b'D' | b'x' => self.write(b"%m/%d/%y", out),
            b'X' => self.write(b"%H:%M:%S", out),
            b'c' => self.write(b"%a %b %e %H:%M:%S %Y", out),
            b'Z' => out.extend_from_slice(b"UTC"),
            b'z' => out.extend_from_slice(b"+0000"),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'%' => out.push(b'%'),
            other => out.extend_from_slice(&[b'%', other]),
        }
    }
}

/// What a pseudo-variable says of the clock.
pub(crate) fn read<'s>(part: &ClockPart, source: &dyn PvSource) -> PvValue<'s> {
    let wall = source.wall();
    let seconds = i64::try_from(wall.as_secs()).unwrap_or(i64::MAX);
    let microseconds = i64::try_from(wall.as_nanos() / 1_000 % 1_000_000).unwrap_or_default();
    let civil = || Civil::from_unix(seconds);
    let text = |format: &[u8]| {
        let mut out = Vec::new();
        civil().write(format, &mut out);
        PvValue::owned(out)
    };
    match part {
        ClockPart::Seconds => PvValue::Int(seconds),
        ClockPart::Microseconds => PvValue::Int(microseconds),
        ClockPart::Both => PvValue::owned(format!("{seconds}.{microseconds:06}").into_bytes()),
        ClockPart::Text => text(b"%a %b %e %H:%M:%S %Y"),
        ClockPart::Format(format) => text(&format.text(source)),
        ClockPart::Field(field) => {
            let civil = civil();
            PvValue::Int(match *field {
                "sec" => civil.second,
                "min" => civil.minute,
                "hour" => civil.hour,
                "mday" => civil.day,
                "mon" => civil.month,
                "year" => civil.year,
                "wday" => civil.weekday + 1,
                "yday" => civil.day_of_year + 1,
                _ => 0,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(unix: i64, format: &str) -> String {
        let mut out = Vec::new();
        Civil::from_unix(unix).write(format.as_bytes(), &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn dates_of_the_calendar() {
        assert_eq!(at(0, "%c %j %u"), "Thu Jan  1 00:00:00 1970 001 4");
        assert_eq!(at(951_782_400, "%F %j"), "2000-02-29 060");
        assert_eq!(at(1_795_188_726, "%c"), "Fri Nov 20 15:32:06 2026");
        assert_eq!(at(-1, "%F %T"), "1969-12-31 23:59:59");
    }
}
