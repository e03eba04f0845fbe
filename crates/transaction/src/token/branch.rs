//! The branch of our Via header field: names node, shard and client transaction, and carries the loop hash.

use super::sealed::check_head;
use super::{Kind, Mac, SecretKey, Secrets, TokenError, VERSION, base32};

/// Start of every branch of an RFC 3261 client (§8.1.1.7).
pub const MAGIC_COOKIE: &[u8; 7] = b"z9hG4bK";
/// Digits of a branch after the magic cookie.
pub const BRANCH_DIGITS: usize = 40;

const BODY: usize = 17;
const OCTETS: usize = BODY + 8;
const KINDS: [Kind; 3] = [
    Kind::BranchStatefulProxy,
    Kind::BranchStatelessForward,
    Kind::BranchUserAgentClient,
];

/// Who wrote a branch.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum BranchMode {
    /// A proxy with a client transaction.
    StatefulProxy,
    /// A proxy that kept nothing; slot and generation hold 64 bits of the caller's (RFC 3261 §16.11).
    StatelessForward,
    /// A user agent with a client transaction.
    UserAgentClient,
}

impl BranchMode {
    const fn kind(self) -> Kind {
        match self {
            BranchMode::StatefulProxy => Kind::BranchStatefulProxy,
            BranchMode::StatelessForward => Kind::BranchStatelessForward,
            BranchMode::UserAgentClient => Kind::BranchUserAgentClient,
        }
    }
}

/// Where tokens are written and read: this node of a cluster, with that many shards.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// This node; 0 without a cluster.
    pub node: u16,
    /// Shards of this process, at most 256.
    pub shards: u16,
}

/// What a branch says.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct BranchToken {
    /// Who wrote it.
    pub mode: BranchMode,
    /// Node that wrote it.
    pub node: u16,
    /// Shard that wrote it.
    pub shard: u8,
    /// Slot of the client transaction.
    pub slot: u32,
    /// Generation of the slot.
    pub generation: u32,
    /// Hash over everything that routing used, to tell a loop from a spiral.
    pub loop_hash: u32,
}

impl BranchToken {
    /// A token for a request forwarded without a transaction: `request_hash` must be a function of the received request
    /// alone, equal for its retransmissions, its CANCEL and the ACK to its failure (RFC 3261 §16.11).
    pub const fn stateless(
        home: Home,
        shard: u8,
        request_hash: u64,
        loop_hash: u32,
    ) -> BranchToken {
        BranchToken {
            mode: BranchMode::StatelessForward,
            node: home.node,
            shard,
            slot: (request_hash >> 32) as u32,
            generation: request_hash as u32,
            loop_hash,
        }
    }
}

impl BranchToken {
    /// Reads a branch and checks its MAC, whatever node and shard it names.
    pub fn parse(secrets: &Secrets, branch: &[u8]) -> Result<BranchToken, TokenError> {
        let octets = digits(branch)?;
        let (token, kind) = fields(&octets)?;
        check_mac(secrets, &octets, kind)?;
        Ok(token)
    }
}

/// Appends the branch, magic cookie first.
pub fn write_branch(secrets: &Secrets, token: &BranchToken, out: &mut Vec<u8>) {
    let key = &secrets.current;
    let mut octets = [0; OCTETS];
    octets[0] = VERSION << 4 | token.mode.kind() as u8;
    octets[1] = key.id;
    octets[2..4].copy_from_slice(&token.node.to_be_bytes());
    octets[4] = token.shard;
    octets[5..9].copy_from_slice(&token.slot.to_be_bytes());
    octets[9..13].copy_from_slice(&token.generation.to_be_bytes());
    octets[13..17].copy_from_slice(&token.loop_hash.to_be_bytes());
    let mac = mac_of(key, token.mode.kind(), &octets);
    octets[BODY..].copy_from_slice(&mac);
    let mut text = [0; MAGIC_COOKIE.len() + BRANCH_DIGITS];
    let (cookie, digits) = text.split_at_mut(MAGIC_COOKIE.len());
    cookie.copy_from_slice(MAGIC_COOKIE);
    base32::encode_groups(octets.as_chunks().0, digits.as_chunks_mut().0);
    out.extend_from_slice(&text);
}

/// Reads a branch and checks it, MAC included.
pub fn parse_branch(
    secrets: &Secrets,
    home: Home,
    branch: &[u8],
) -> Result<BranchToken, TokenError> {
    let octets = digits(branch)?;
    let (token, kind) = fields(&octets)?;
    check_home(home, token.node, token.shard)?;
    check_mac(secrets, &octets, kind)?;
    Ok(token)
}

/// The shard that wrote a branch, for choosing whom to hand a response to. No more than its first digits are read, and the
/// MAC is not checked.
pub fn branch_home(home: Home, branch: &[u8]) -> Result<u8, TokenError> {
    let first = digits_of(branch)?
        .first_chunk::<HOME_DIGITS>()
        .ok_or(TokenError::Foreign)?;
    let mut octets = [0; HOME_OCTETS];
    base32::decode(first, &mut octets).ok_or(TokenError::Foreign)?;
    let [head, _, node_high, node_low, shard] = octets;
    check_head(head, &KINDS)?;
    check_home(home, u16::from_be_bytes([node_high, node_low]), shard)?;
    Ok(shard)
}

/// Octets of a token up to its shard, and the digits of them.
const HOME_OCTETS: usize = 5;
const HOME_DIGITS: usize = 8;

/// What stands behind the magic cookie of a branch of ours.
fn digits_of(branch: &[u8]) -> Result<&[u8], TokenError> {
    let (cookie, digits) = branch.split_first_chunk::<7>().ok_or(TokenError::Foreign)?;
    if digits.len() != BRANCH_DIGITS || !cookie.eq_ignore_ascii_case(MAGIC_COOKIE) {
        return Err(TokenError::Foreign);
    }
    Ok(digits)
}

fn digits(branch: &[u8]) -> Result<[u8; OCTETS], TokenError> {
    let mut octets = [0; OCTETS];
    // Forty digits are twenty-five octets, nothing left over.
    match base32::decode_groups(digits_of(branch)?.as_chunks().0, octets.as_chunks_mut().0) {
        0 => Ok(octets),
        _ => Err(TokenError::Foreign),
    }
}

fn fields(octets: &[u8; OCTETS]) -> Result<(BranchToken, Kind), TokenError> {
    let kind = check_head(octets[0], &KINDS)?;
    let mode = match kind {
        Kind::BranchStatefulProxy => BranchMode::StatefulProxy,
        Kind::BranchStatelessForward => BranchMode::StatelessForward,
        _ => BranchMode::UserAgentClient,
    };
    let number = |at: usize| {
        octets
            .get(at..)
            .and_then(|rest| rest.first_chunk::<4>())
            .map_or(0, |octets| u32::from_be_bytes(*octets))
    };
    let node = u16::from_be_bytes([octets[2], octets[3]]);
    let (slot, generation, loop_hash) = (number(5), number(9), number(13));
    Ok((
        BranchToken {
            mode,
            node,
            shard: octets[4],
            slot,
            generation,
            loop_hash,
        },
        kind,
    ))
}

fn check_home(home: Home, node: u16, shard: u8) -> Result<(), TokenError> {
    if node != home.node {
        return Err(TokenError::OtherNode(node));
    }
    if u16::from(shard) >= home.shards {
        return Err(TokenError::UnknownShard(shard));
    }
    Ok(())
}

fn check_mac(secrets: &Secrets, octets: &[u8; OCTETS], kind: Kind) -> Result<(), TokenError> {
    let key = secrets
        .key(octets[1])
        .ok_or(TokenError::UnknownKey(octets[1]))?;
    if mac_of(key, kind, octets) == octets[BODY..] {
        Ok(())
    } else {
        Err(TokenError::BadMac)
    }
}

fn mac_of(key: &SecretKey, kind: Kind, octets: &[u8; OCTETS]) -> [u8; 8] {
    Mac::for_kind(key, kind)
        .part(octets.get(..BODY).unwrap_or_default())
        .finish()
        .to_be_bytes()
}
