//! Secrets: kept, rotated, refused when exposed.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::testing::TestFolder;

#[test]
fn the_same_secrets_are_there_after_a_restart() {
    let folder = TestFolder::new();
    let first = SecretsFile::of(&folder.data())
        .load_or_create()
        .expect("made");
    let again = SecretsFile::of(&folder.data())
        .load_or_create()
        .expect("read");
    assert!(first == again);
    assert!(
        first
            .previous
            .is_some_and(|previous| previous.key != first.current.key)
    );
    let mode = fs::metadata(folder.data().secrets())
        .expect("there")
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(mode, 0o600);
}

#[test]
fn rotation_keeps_the_last_key() {
    let folder = TestFolder::new();
    let file = SecretsFile::of(&folder.data());
    let first = file.load_or_create().expect("made");
    let second = file.rotate().expect("rotated");
    assert!(second.previous == Some(first.current));
    assert_eq!(second.current.id, first.current.id + 1);
    assert!(file.load_or_create().expect("read") == second);
    assert!(!folder.path().join("secrets.new").exists());
}

#[test]
fn ids_start_over_after_the_last() {
    let key = [7; KEY_OCTETS];
    let last = Secrets {
        current: SecretKey { id: 255, key },
        previous: None,
    };
    assert_eq!(rotated(&last).expect("random octets").current.id, 0);
}

#[test]
fn refuses_a_file_that_others_can_read() {
    let folder = TestFolder::new();
    let file = SecretsFile::of(&folder.data());
    file.load_or_create().expect("made");
    fs::set_permissions(folder.data().secrets(), fs::Permissions::from_mode(0o640))
        .expect("changed");
    let error = file.load_or_create().expect_err("exposed").to_string();
    assert!(error.contains("(mode 0640)"), "{error}");
    assert!(error.contains("run `chmod 600 "), "{error}");
}

#[test]
fn refuses_a_file_of_another_form() {
    let folder = TestFolder::new();
    let file = SecretsFile::of(&folder.data());
    let good = text_of(&file.load_or_create().expect("made"));
    let id_twice = good.replace("previous 0", "previous 1");
    for bad in [
        "",
        "strowger-secrets 2\n",
        &good[..60],
        &id_twice,
        &good.replace("current 1 ", "current 1 é"),
    ] {
        fs::write(folder.data().secrets(), bad).expect("written");
        let error = file.load_or_create().expect_err("malformed");
        assert!(
            matches!(error, StoreError::SecretsMalformed { .. }),
            "{bad}: {error}"
        );
    }
}

#[test]
fn a_failed_rotation_leaves_the_old_file() {
    let folder = TestFolder::new();
    let file = SecretsFile::of(&folder.data());
    let first = file.load_or_create().expect("made");
    // A folder in the place of the new file cannot be replaced.
    fs::create_dir(folder.path().join("secrets.new")).expect("made");
    assert!(file.rotate().is_err());
    assert!(file.load_or_create().expect("read") == first);
}
