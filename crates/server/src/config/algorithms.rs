//! The digest algorithms of one account.

use strowger_registrar::Subscriber;

/// By which digest algorithms a user may log in. An account holds one hash for each and nothing for the others, so that
/// an answer with another algorithm is a wrong password to whoever judges it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Algorithms {
    /// MD5.
    pub md5: bool,
    /// SHA-256.
    pub sha256: bool,
}

impl Algorithms {
    /// All that are known.
    pub const ALL: Algorithms = Algorithms {
        md5: true,
        sha256: true,
    };

    /// Those of these registered names.
    pub fn named<S: AsRef<str>>(names: &[S]) -> Algorithms {
        let has = |name: &str| names.iter().any(|one| one.as_ref() == name);
        Algorithms {
            md5: has("MD5"),
            sha256: has("SHA-256"),
        }
    }

    /// Those of an account.
    pub fn of(account: &Subscriber) -> Algorithms {
        Algorithms {
            md5: account.ha1.md5.is_some(),
            sha256: account.ha1.sha256.is_some(),
        }
    }

    /// Those in both.
    pub fn both(self, other: Algorithms) -> Algorithms {
        Algorithms {
            md5: self.md5 && other.md5,
            sha256: self.sha256 && other.sha256,
        }
    }

    /// True if there are none.
    pub fn is_empty(self) -> bool {
        !self.md5 && !self.sha256
    }

    /// Their registered names.
    pub fn names(self) -> Vec<String> {
        let names = [self.md5.then_some("MD5"), self.sha256.then_some("SHA-256")];
        names.into_iter().flatten().map(str::to_owned).collect()
    }

    /// The account with the hashes of these alone.
    pub fn keep(self, mut account: Subscriber) -> Subscriber {
        for ha1 in [&mut account.ha1, &mut account.ha1_with_domain] {
            ha1.md5 = ha1.md5.filter(|_| self.md5);
            ha1.sha256 = ha1.sha256.filter(|_| self.sha256);
        }
        account
    }
}
