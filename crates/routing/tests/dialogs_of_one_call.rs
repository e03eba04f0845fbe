//! One Call-ID does not fill the table: its dialogs are looked for one by one.

use strowger_routing::tables::dialogs::{
    DIALOGS_PER_CALL_ID_MAX, DialogBegun, DialogName, Dialogs,
};
use strowger_sip::Time;

#[test]
fn one_call_id_has_few_dialogs() {
    let dialogs = Dialogs::new(1);
    let begin = |number: usize| {
        let tag = number.to_string();
        dialogs.begin(
            DialogName {
                call_id: b"same",
                from_tag: tag.as_bytes(),
                to_tag: None,
            },
            Time::from_secs(100),
        )
    };
    for number in 0..DIALOGS_PER_CALL_ID_MAX {
        assert!(matches!(begin(number), DialogBegun::New), "{number}");
    }
    assert!(matches!(begin(100), DialogBegun::Refused));
    assert!(matches!(begin(0), DialogBegun::Known));
}
