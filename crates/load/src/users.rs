//! Who registers and is called: numbered users, or a list with passwords.

use strowger_sip::{Uri, unescape, write_escaped_user};

/// Users of one run.
pub const USERS_MAX: u64 = 10_000_000;

/// One user of a list.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The name, without domain and not escaped.
    pub name: String,
    /// The password, if it is not the one of all.
    pub password: Option<String>,
}

impl core::fmt::Debug for User {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "User({})", self.name)
    }
}

/// All users of a run, by index from 0.
#[derive(Clone, Debug)]
pub enum Users {
    /// A prefix and consecutive numbers.
    Numbered {
        /// What stands before the number.
        prefix: String,
        /// The first number.
        first: u64,
        /// Digits of a number at least; shorter ones get zeros in front.
        digits: usize,
        /// How many users.
        count: u32,
    },
    /// One by one.
    Listed(Vec<User>),
}

impl Users {
    /// How many there are.
    pub fn count(&self) -> u32 {
        match self {
            Users::Numbered { count, .. } => *count,
            Users::Listed(users) => u32::try_from(users.len()).unwrap_or(u32::MAX),
        }
    }

    /// The name of a user; empty beyond the last.
    pub fn name(&self, index: u32) -> String {
        match self {
            Users::Numbered {
                prefix,
                first,
                digits,
                ..
            } => {
                let number = first.saturating_add(u64::from(index));
                format!("{prefix}{number:0digits$}")
            }
            Users::Listed(users) => users
                .get(index as usize)
                .map(|user| user.name.clone())
                .unwrap_or_default(),
        }
    }

    /// Appends the name as it stands in a URI.
    pub(crate) fn write_name(&self, index: u32, out: &mut Vec<u8>) {
        match self {
            Users::Numbered {
                prefix,
                first,
                digits,
                ..
            } => {
                write_escaped_user(out, prefix.as_bytes());
                write_number(out, first.saturating_add(u64::from(index)), *digits);
            }
            Users::Listed(users) => {
                if let Some(user) = users.get(index as usize) {
                    write_escaped_user(out, user.name.as_bytes());
                }
            }
        }
    }

    /// The user after another, who calls him; the first follows the last.
    pub(crate) fn after(&self, index: u32) -> u32 {
        match index + 1 < self.count() {
            true => index + 1,
            false => 0,
        }
    }

    /// The user of a URI, with his own password if he is in the list.
    pub(crate) fn caller(&self, uri: &str) -> User {
        let user = Uri::parse(uri.as_bytes()).ok().and_then(|uri| uri.user);
        let name = unescape(user.unwrap_or_default());
        let name = String::from_utf8_lossy(&name).into_owned();
        let found = match self {
            Users::Numbered { .. } => None,
            Users::Listed(users) => users.iter().find(|user| user.name == name),
        };
        let password = found.and_then(|user| user.password.clone());
        User { name, password }
    }

    /// The user's own password.
    pub(crate) fn password(&self, index: u32) -> Option<&str> {
        match self {
            Users::Numbered { .. } => None,
            Users::Listed(users) => users.get(index as usize)?.password.as_deref(),
        }
    }
}

/// Appends a number with zeros in front up to `digits`.
pub(crate) fn write_number(out: &mut Vec<u8>, number: u64, digits: usize) {
    let mut text = [b'0'; 20];
    let mut rest = number;
    let mut used = 0;
    for digit in text.iter_mut().rev() {
        if rest == 0 && used >= digits.max(1) {
            break;
        }
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
    }
    out.extend_from_slice(text.get(text.len() - used..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_users_count_on_and_keep_their_width() {
        let users = Users::Numbered {
            prefix: "u ".to_owned(),
            first: 98,
            digits: 4,
            count: 3,
        };
        let mut out = Vec::new();
        users.write_name(2, &mut out);
        assert_eq!(
            (users.name(2), out.as_slice()),
            ("u 0100".to_owned(), &b"u%200100"[..])
        );
    }

    #[test]
    fn numbers_are_written_as_they_are() {
        for (number, digits, text) in [(0, 0, "0"), (7, 3, "007"), (1234, 2, "1234")] {
            let mut out = Vec::new();
            write_number(&mut out, number, digits);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }
}
