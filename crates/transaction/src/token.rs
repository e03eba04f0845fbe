//! Keyed tokens: the branches, To tags, Record-Route users and nonces that this platform writes and later recognises
//! without having kept anything (RFC 3261 §8.1.1.7, §16.6 step 8, §16.11, §19.3; RFC 5393 §4.2 for the loop hash).
//!
//! # Format
//!
//! Every token is a run of octets, written in base32 with the digits `0-9a-v` in lower case, most significant bit
//! first, the last digit filled with zero bits. Peers that fold case therefore do no harm; upper case is read as lower.
//!
//! | octets | field |
//! |---|---|
//! | 1 | version (high 4 bits, now 1) and kind (low 4 bits, [`Kind`]) |
//! | 1 | key id |
//! | n | fields of the kind, big-endian |
//! | 8 | SipHash-2-4 over the kind and all octets before, with whatever else the kind names, under the key of that id |
//!
//! | kind | fields |
//! |---|---|
//! | branch (3 modes) | node u16, shard u8, slot u32, generation u32, loop hash u32: 25 octets, 40 digits |
//! | To tag | none; the MAC takes in top Via host, port and branch, and the Call-ID: 10 octets, 16 digits |
//! | Record-Route, nonce | written with [`seal`] by the crates that own them |
//!
//! Two keys are valid at a time: tokens are written with `current` and read with the one they name.

mod base32;
mod branch;
mod mac;
mod sealed;
mod to_tag;

pub use base32::{decode, encode};
pub use branch::{
    BRANCH_DIGITS, BranchMode, BranchToken, Home, MAGIC_COOKIE, branch_home, parse_branch,
    write_branch,
};
pub use mac::{Kind, Mac, SecretKey, Secrets};
pub use sealed::{SEALED_PAYLOAD_MAX, open, seal};
pub use to_tag::{TO_TAG_DIGITS, ToTag};
pub(crate) use to_tag::{is_own_to_tag, to_tag};

/// Version of the format.
pub const VERSION: u8 = 1;

/// Why a text is not a token that we accept. Whoever reads counts and drops.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum TokenError {
    /// Not of our making: another length, other digits, no magic cookie.
    Foreign,
    /// A version that this program does not know.
    UnknownVersion(u8),
    /// A kind that this program does not know, or not the one that belongs here.
    WrongKind(u8),
    /// Written with a key that is valid no more.
    UnknownKey(u8),
    /// Written by another node of the cluster.
    OtherNode(u16),
    /// Names a shard that does not exist.
    UnknownShard(u8),
    /// The MAC does not fit: forged or damaged.
    BadMac,
}

impl core::fmt::Display for TokenError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            TokenError::Foreign => f.write_str("not one of our tokens"),
            TokenError::UnknownVersion(version) => write!(f, "token of unknown version {version}"),
            TokenError::WrongKind(kind) => {
                write!(f, "token of kind {kind} where another is expected")
            }
            TokenError::UnknownKey(id) => write!(f, "token written with unknown key {id}"),
            TokenError::OtherNode(node) => write!(f, "token of node {node}"),
            TokenError::UnknownShard(shard) => {
                write!(f, "token of shard {shard}, which does not exist")
            }
            TokenError::BadMac => f.write_str("token with a wrong MAC"),
        }
    }
}

impl core::error::Error for TokenError {}

#[cfg(test)]
mod tests;
