//! What is written from the table, and the counters.

use crate::world::{World, table};

#[test]
fn documentation_and_coverage_come_from_the_rows() {
    insta::assert_snapshot!(format!(
        "{}\n{}",
        table().documentation(),
        table().coverage()
    ));
}

#[test]
fn every_counter_is_visited_once() {
    let mut world = World::of("function route() return 1 end");
    world.call("route");
    let mut names = Vec::new();
    world
        .host
        .counters()
        .visit(&mut |name, help, value| names.push((name, help, value)));
    assert_eq!(names.iter().filter(|(_, _, value)| *value > 0).count(), 3);
    let count = names.len();
    names.sort();
    names.dedup_by_key(|(name, _, _)| *name);
    assert_eq!(names.len(), count);
    assert_eq!(count, std::mem::size_of_val(world.host.counters()) / 8);
}
