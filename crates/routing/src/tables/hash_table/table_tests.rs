//! What a hash table does. Expected values of expiry, increments and matches were measured with Kamailio 5.6.3.

use super::*;

const NOW: Time = Time::from_secs(1_000);

fn table(definition: &str) -> HashTable {
    let definition = TableDefinition::parse(definition).expect("a definition");
    HashTable::new(definition, 1)
}

fn at(seconds: u64) -> Time {
    Time::from_secs(1_000 + seconds)
}

#[test]
fn cells_hold_numbers_and_octets() {
    let table = table("a=>size=4");
    table.set_int(b"x", 7, NOW).expect("room");
    table.set_text(b"y", b"seven", NOW).expect("room");
    assert_eq!(table.get(b"x", NOW), Some(TableValue::Int(7)));
    assert_eq!(table.get(b"y", NOW), Some(TableValue::text(b"seven")));
    assert_eq!(table.get(b"z", NOW), None);
    assert!(table.remove(b"x"));
    assert!(!table.remove(b"x"));
    assert_eq!(table.len(), 1);
}

#[test]
fn absent_cells_read_as_initval() {
    let table = table("i=>initval=5");
    assert_eq!(table.get(b"x", NOW), Some(TableValue::Int(5)));
    assert!(table.is_empty(), "reading makes no cell");
}

#[test]
fn an_absent_cell_is_incremented_only_from_initval() {
    let with = table("i=>initval=5");
    assert_eq!(with.increment(b"x", NOW), Ok(Some(6)));
    assert_eq!(with.increment(b"x", NOW), Ok(Some(7)));
    assert_eq!(with.decrement(b"d", NOW), Ok(Some(4)));
    let without = table("a=>");
    assert_eq!(without.increment(b"x", NOW), Ok(None));
    assert!(without.is_empty());
    without.set_text(b"s", b"text", NOW).expect("room");
    assert_eq!(
        without.increment(b"s", NOW),
        Ok(None),
        "octets are no number"
    );
    without.set_int(b"n", i64::MAX, NOW).expect("room");
    assert_eq!(without.increment(b"n", NOW), Ok(Some(i64::MAX)));
}

#[test]
fn cells_expire_after_the_time_of_the_table() {
    let table = table("a=>autoexpire=100");
    table.set_int(b"x", 1, NOW).expect("room");
    assert_eq!(table.expires_in(b"x", NOW), Some(100));
    assert_eq!(
        table.expires_in(b"x", Time::from_millis(1_000_500)),
        Some(100)
    );
    assert_eq!(table.expires_in(b"x", at(1)), Some(99));
    assert_eq!(table.get(b"x", at(99)), Some(TableValue::Int(1)));
    assert_eq!(table.get(b"x", at(100)), None);
    assert_eq!(table.expires_in(b"x", at(100)), None);
    assert!(!table.any_name(&Matching::Equal(b"x"), at(100)));
}

#[test]
fn an_expiry_of_its_own_lasts_until_the_next_change() {
    let table = table("a=>autoexpire=100");
    table.set_int(b"x", 1, NOW).expect("room");
    assert!(table.set_expiry(b"x", 50, NOW));
    assert_eq!(table.expires_in(b"x", NOW), Some(50));
    table.set_int(b"x", 2, NOW).expect("room");
    assert_eq!(table.expires_in(b"x", NOW), Some(100));
    assert!(table.set_expiry(b"x", 0, NOW), "never");
    assert_eq!(table.expires_in(b"x", NOW), None);
    assert_eq!(table.get(b"x", at(1_000_000)), Some(TableValue::Int(2)));
    assert!(!table.set_expiry(b"absent", 5, NOW));
    table
        .set_expiring(b"y", TableValue::Int(1), 7, NOW)
        .expect("room");
    assert_eq!(table.expires_in(b"y", NOW), Some(7));
}

#[test]
fn a_table_that_keeps_its_cells_has_no_expiry_to_set() {
    let table = table("b=>");
    table.set_int(b"x", 1, NOW).expect("room");
    assert!(!table.set_expiry(b"x", 50, NOW));
    assert_eq!(table.expires_in(b"x", NOW), None);
    assert_eq!(table.get(b"x", at(51)), Some(TableValue::Int(1)));
}

#[test]
fn changes_need_not_begin_the_time_anew() {
    let table = table("i=>autoexpire=100;updateexpire=0;initval=0");
    table.set_int(b"x", 1, NOW).expect("room");
    table.set_int(b"x", 2, at(30)).expect("room");
    assert_eq!(table.increment(b"x", at(40)), Ok(Some(3)));
    assert_eq!(table.expires_in(b"x", at(40)), Some(60));
    assert_eq!(
        table.increment(b"x", at(100)),
        Ok(Some(1)),
        "a new cell after the end"
    );
    assert_eq!(table.expires_in(b"x", at(100)), Some(100));
}

#[test]
fn cells_are_matched_by_name_and_value() {
    let table = table("a=>");
    for (key, value) in [(&b"n1"[..], &b"v1"[..]), (b"n2", b"v2"), (b"s", b"text")] {
        table.set_text(key, value, NOW).expect("room");
    }
    table.set_int(b"k", 8, NOW).expect("room");
    let begins = |octets: &[u8]| octets.first() == Some(&b'n');
    assert!(table.any_name(&Matching::Equal(b"n1"), NOW));
    assert!(!table.any_name(&Matching::Equal(b"n"), NOW));
    assert!(table.any_name(&Matching::NotEqual(b"n1"), NOW));
    assert_eq!(table.count_names(&Matching::All, NOW), 4);
    assert_eq!(table.count_names(&Matching::Expression(&begins), NOW), 2);
    assert_eq!(table.count_names(&Matching::StartsWith(b"n"), NOW), 2);
    assert_eq!(table.count_values(&Matching::StartsWith(b"v"), NOW), 2);
    assert_eq!(table.count_values(&Matching::Number(8), NOW), 1);
    assert!(table.any_value(&Matching::Equal(b"text"), NOW));
    assert!(
        !table.any_value(&Matching::Equal(b"8"), NOW),
        "8 is a number"
    );
}

#[test]
fn cells_are_removed_by_name_and_value() {
    let table = table("a=>");
    for number in 0..100 {
        let key = format!("key{number:02}");
        let value = format!("value{}", number % 10);
        table
            .set_text(key.as_bytes(), value.as_bytes(), NOW)
            .expect("room");
    }
    assert_eq!(table.remove_names(&Matching::StartsWith(b"key0"), NOW), 10);
    assert_eq!(table.remove_values(&Matching::Equal(b"value3"), NOW), 9);
    assert_eq!(table.len(), 81);
    table.reset();
    assert!(table.is_empty());
    assert_eq!(table.statistics().octets, 0);
}

#[test]
fn an_expression_may_use_the_table() {
    let table = table("a=>");
    table.set_int(b"x", 1, NOW).expect("room");
    let sets = |_: &[u8]| table.set_int(b"x", 2, NOW).is_ok();
    assert_eq!(table.count_names(&Matching::Expression(&sets), NOW), 1);
    assert_eq!(table.get(b"x", NOW), Some(TableValue::Int(2)));
}

#[test]
fn a_dump_is_in_the_order_of_names() {
    let table = table("a=>autoexpire=10");
    for key in [&b"c"[..], b"a", b"b"] {
        table.set_int(key, 1, NOW).expect("room");
    }
    let keys = |cells: Vec<ListedCell>| -> Vec<Vec<u8>> {
        cells.iter().map(|cell| cell.key.to_vec()).collect()
    };
    assert_eq!(keys(table.dump(NOW)), [b"a", b"b", b"c"]);
    assert_eq!(table.dump(at(10)), []);
    let next = |key: Option<&[u8]>| table.next_after(key, NOW).map(|cell| cell.key.to_vec());
    assert_eq!(next(None), Some(b"a".to_vec()));
    assert_eq!(next(Some(b"a")), Some(b"b".to_vec()));
    assert_eq!(next(Some(b"c")), None);
}

#[test]
fn a_sweep_removes_what_expired_and_only_that() {
    let table = table("a=>autoexpire=10");
    for number in 0..1_000_u32 {
        let now = at(u64::from(number % 2) * 5);
        table
            .set_int(&number.to_be_bytes(), i64::from(number), now)
            .expect("room");
    }
    assert_eq!(table.sweep(at(9), usize::MAX).len(), 0);
    assert_eq!(table.sweep(at(10), usize::MAX).len(), 500);
    assert_eq!(table.len(), 500);
    assert_eq!(table.sweep(at(10), usize::MAX).len(), 0);
    let mut rounds = 0;
    while !table.is_empty() {
        table.sweep(at(20), 10);
        rounds += 1;
        assert!(rounds < 1_000);
    }
    assert!(rounds > 10, "a budget bounds one sweep");
    assert_eq!(table.statistics().expired, 1_000);
}

#[test]
fn limits_hold_and_are_counted() {
    let table = table("a=>");
    let long = vec![b'x'; VALUE_OCTETS_MAX + 1];
    assert_eq!(
        table.set_text(b"k", &long, NOW),
        Err(TableError::ValueTooLong)
    );
    let key = vec![b'x'; KEY_OCTETS_MAX + 1];
    assert_eq!(table.set_int(&key, 1, NOW), Err(TableError::KeyTooLong));
    assert_eq!(table.statistics().refused, 2);
    assert!(table.is_empty());
    // One value's octets are shared by its copies, so this test needs little memory.
    let value = TableValue::text(&vec![b'x'; VALUE_OCTETS_MAX]);
    let mut held = 0_u32;
    while table.set(&held.to_be_bytes(), value.clone(), NOW).is_ok() {
        held += 1;
    }
    assert_eq!(
        table.set(b"more", value, NOW),
        Err(TableError::TooManyOctets)
    );
    assert!(table.statistics().octets <= TABLE_OCTETS_MAX);
    assert!(held as usize > TABLE_OCTETS_MAX / VALUE_OCTETS_MAX / 2);
}

#[test]
fn stored_cells_come_with_their_own_end() {
    let table = table("a=>autoexpire=10");
    table
        .load(b"x", TableValue::Int(1), Some(at(3)))
        .expect("room");
    table.load(b"y", TableValue::Int(2), None).expect("room");
    assert_eq!(table.expires_in(b"x", NOW), Some(3));
    assert_eq!(table.expires_in(b"y", NOW), None);
    assert_eq!(table.dump(at(5)).len(), 1);
}
