//! Registered contacts of `usrloc`.

use super::KamailioDatabase;
use super::error::KamailioError;
use super::row::{RowView, needed, optional};

/// A row of the `location` table.
#[derive(Clone, Debug, PartialEq)]
pub struct KamailioLocation {
    /// User of the address of record.
    pub user: String,
    /// Its domain, if `usrloc` uses domains.
    pub domain: Option<String>,
    /// The contact URI.
    pub contact: String,
    /// Where the REGISTER came from, as a URI, if that is elsewhere.
    pub received: Option<String>,
    /// The Path header field values.
    pub path: Option<String>,
    /// When it expires, in seconds since 1970; `None` is never. A date without zone is read as UTC.
    pub expires_at: Option<u64>,
    /// The preference; -1 is none.
    pub q: f64,
    /// Call-ID of the last REGISTER.
    pub call_id: String,
    /// CSeq of the last REGISTER.
    pub cseq: u32,
    /// User-Agent of the last REGISTER.
    pub user_agent: Option<String>,
    /// The socket that received it, `udp:192.0.2.1:5060`.
    pub socket: Option<String>,
    /// The instance (RFC 5626).
    pub instance: Option<String>,
    /// The reg-id (RFC 5626); 0 is none.
    pub reg_id: u32,
    /// Kamailio's own identifier of the contact.
    pub ruid: Option<String>,
    /// Its line, or the number of its row.
    pub line: u64,
}

pub(super) fn read(
    database: &KamailioDatabase,
    table: &str,
) -> Result<Vec<KamailioLocation>, KamailioError> {
    let wanted = [
        needed("username"),
        optional("domain"),
        needed("contact"),
        optional("received"),
        optional("path"),
        needed("expires"),
        optional("q"),
        optional("callid"),
        optional("cseq"),
        optional("user_agent"),
        optional("socket"),
        optional("instance"),
        optional("reg_id"),
        optional("ruid"),
    ];
    database.rows(table, &wanted)?.read(location_of)
}

fn location_of(row: &RowView<'_>) -> Result<KamailioLocation, String> {
    let text = |column| row.text(column).map(str::to_owned);
    let expires_at = match row.text(5) {
        None => None,
        Some(text) => Some(seconds_of(text).ok_or_else(|| {
            format!(
                "`{}` is neither a number of seconds nor a date like 2030-05-28 21:32:15",
                text.escape_debug()
            )
        })?),
    };
    Ok(KamailioLocation {
        user: row.needed_text(0, "user name")?,
        domain: text(1),
        contact: row.needed_text(2, "contact")?,
        received: text(3),
        path: text(4),
        expires_at: expires_at.filter(|at| *at > 0),
        q: row.number(6, "preference", -1.0)?,
        call_id: text(7).unwrap_or_default(),
        cseq: row.number(8, "CSeq", 0)?,
        user_agent: text(9),
        socket: text(10),
        instance: text(11),
        reg_id: row.number(12, "reg-id", 0)?,
        ruid: text(13),
        line: row.line(),
    })
}

/// Seconds since 1970 of a number or of `YYYY-MM-DD HH:MM:SS`.
fn seconds_of(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let (date, time) = text.split_once([' ', 'T'])?;
    let numbers = |text: &str, separator| -> Option<[u64; 3]> {
        let mut parts = text.split(separator).map(|part| part.parse().ok());
        let numbers = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(numbers)
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let fits = (1970..=9_999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !fits {
        return None;
    }
    // Years that begin in March put the leap day last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_or_dates() {
        assert_eq!(seconds_of("1700000000"), Some(1_700_000_000));
        assert_eq!(seconds_of("1970-01-01 00:00:00"), Some(0));
        assert_eq!(seconds_of("2023-11-14 22:13:20"), Some(1_700_000_000));
        assert_eq!(seconds_of("2000-02-29T12:00:00"), Some(951_825_600));
        assert_eq!(seconds_of("2030-05-28 21:32:15"), Some(1_906_234_335));
        assert_eq!(seconds_of("2030-13-28 21:32:15"), None);
        assert_eq!(seconds_of("soon"), None);
    }
}
