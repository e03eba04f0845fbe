//! Every reason to refuse a token, and what survives a change of key.

use super::*;
use crate::request_key::{KeyClass, KeyMaker, RequestKey};
use proptest::prelude::*;
use strowger_sip::{Limits, Message};

const HOME: Home = Home { node: 7, shards: 4 };

fn secrets() -> Secrets {
    Secrets {
        current: SecretKey {
            id: 3,
            key: *b"0123456789abcdef",
        },
        previous: Some(SecretKey {
            id: 2,
            key: *b"fedcba9876543210",
        }),
    }
}

fn older() -> Secrets {
    Secrets {
        current: SecretKey {
            id: 2,
            key: *b"fedcba9876543210",
        },
        previous: None,
    }
}

fn token() -> BranchToken {
    BranchToken {
        mode: BranchMode::StatefulProxy,
        node: 7,
        shard: 3,
        slot: 99_999,
        generation: 12,
        loop_hash: 0xdead_beef,
    }
}

fn branch_of(secrets: &Secrets, token: &BranchToken) -> Vec<u8> {
    let mut branch = Vec::new();
    write_branch(secrets, token, &mut branch);
    branch
}

#[test]
fn a_branch_survives_a_peer_that_folds_case() {
    let branch = branch_of(&secrets(), &token());
    assert_eq!(branch.len(), 47);
    assert_eq!(parse_branch(&secrets(), HOME, &branch), Ok(token()));
    assert_eq!(
        parse_branch(&secrets(), HOME, &branch.to_ascii_uppercase()),
        Ok(token())
    );
    assert_eq!(branch_home(HOME, &branch), Ok(3));
}

#[test]
fn the_previous_key_still_reads_and_an_older_one_does_not() {
    let branch = branch_of(&older(), &token());
    assert_eq!(parse_branch(&secrets(), HOME, &branch), Ok(token()));
    let newest = Secrets {
        current: SecretKey {
            id: 4,
            key: [4; 16],
        },
        previous: Some(secrets().current),
    };
    assert_eq!(
        parse_branch(&newest, HOME, &branch),
        Err(TokenError::UnknownKey(2))
    );
}

#[test]
fn each_reason_to_drop_a_branch_is_told_apart() {
    let secrets = secrets();
    let parse = |branch: &[u8]| parse_branch(&secrets, HOME, branch);
    assert_eq!(parse(b"z9hG4bK776asdhds"), Err(TokenError::Foreign));
    assert_eq!(parse(b""), Err(TokenError::Foreign));
    assert_eq!(
        parse(&branch_of(&secrets, &BranchToken { node: 8, ..token() })),
        Err(TokenError::OtherNode(8))
    );
    assert_eq!(
        parse(&branch_of(
            &secrets,
            &BranchToken {
                shard: 4,
                ..token()
            }
        )),
        Err(TokenError::UnknownShard(4))
    );
    let mut other_version = branch_of(&secrets, &token());
    other_version[7] = b'8';
    assert_eq!(parse(&other_version), Err(TokenError::UnknownVersion(4)));
    let mut to_tag_kind = Vec::from(MAGIC_COOKIE);
    seal(&secrets, Kind::ToTag, &[0; 15], &mut to_tag_kind);
    assert_eq!(
        parse(&to_tag_kind),
        Err(TokenError::WrongKind(Kind::ToTag as u8))
    );
}

#[test]
fn a_branch_of_one_mode_cannot_be_turned_into_another() {
    let stateful = branch_of(&secrets(), &token());
    let stateless = branch_of(
        &secrets(),
        &BranchToken {
            mode: BranchMode::StatelessForward,
            ..token()
        },
    );
    let mut mixed = stateful.clone();
    mixed[7..12].copy_from_slice(&stateless[7..12]);
    assert_eq!(
        parse_branch(&secrets(), HOME, &mixed),
        Err(TokenError::BadMac)
    );
}

#[test]
fn sealed_tokens_carry_their_payload_for_one_kind_only() {
    let mut text = Vec::new();
    assert!(seal(&secrets(), Kind::RecordRoute, b"two flows", &mut text));
    let mut buffer = [0; SEALED_PAYLOAD_MAX + 10];
    assert_eq!(
        open(&secrets(), Kind::RecordRoute, &text, &mut buffer),
        Ok(&b"two flows"[..])
    );
    assert_eq!(
        open(&secrets(), Kind::Nonce, &text, &mut buffer),
        Err(TokenError::WrongKind(Kind::RecordRoute as u8))
    );
    assert!(!seal(
        &secrets(),
        Kind::Nonce,
        &[0; SEALED_PAYLOAD_MAX + 1],
        &mut text
    ));
    assert_eq!(
        open(&secrets(), Kind::Nonce, b"0123", &mut buffer),
        Err(TokenError::Foreign)
    );
}

#[test]
fn moving_a_boundary_between_parts_changes_the_mac() {
    let key = [1; 16];
    let split = |one: &[u8], two: &[u8]| Mac::new(&key).part(one).part(two).finish();
    assert_ne!(split(b"ab", b"c"), split(b"a", b"bc"));
}

#[test]
fn debug_output_hides_the_keys() {
    assert!(!format!("{:?}", secrets()).contains("48"));
}

fn some_key() -> RequestKey {
    let text = "ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKb\r\nTo: <sip:a@b>\r\nFrom: <sip:a@b>;tag=t\r\n\
                Call-ID: c\r\nCSeq: 1 ACK\r\n\r\n";
    let request = Message::parse(text.into(), &Limits::default()).expect("valid");
    KeyMaker::new(&secrets().current).key(&request, KeyClass::Invite)
}

proptest! {
    #[test]
    fn base32_round_trips(octets in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut text = Vec::new();
        encode(&octets, &mut text);
        let mut back = [0; 64];
        prop_assert_eq!(decode(&text, &mut back), Some(octets.len()));
        prop_assert_eq!(&back[..octets.len()], &octets[..]);
    }

    #[test]
    fn a_damaged_branch_is_never_accepted(position in 7usize..47, digit in 0usize..32) {
        let mut branch = branch_of(&secrets(), &token());
        let replacement = b"0123456789abcdefghijklmnopqrstuv"[digit];
        prop_assume!(branch[position] != replacement);
        branch[position] = replacement;
        prop_assert!(parse_branch(&secrets(), HOME, &branch).is_err());
    }

    #[test]
    fn any_octets_are_read_without_harm(octets in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse_branch(&secrets(), HOME, &octets);
        let _ = is_own_to_tag(&secrets(), &octets, |_| some_key(), b"c");
        let _ = open(&secrets(), Kind::Nonce, &octets, &mut [0; SEALED_PAYLOAD_MAX + 10]);
    }
}
