//! Tables that the scripts of all shards share: hash tables, shared values, floods, address groups, destinations, dialogs.
//!
//! Each is one for the process, striped or atomic, bounded by named limits, and never locked while a caller's code
//! runs. Time, seeds and chance are arguments.

pub mod address_groups;
pub mod dialogs;
pub mod dispatcher;
pub mod hash_table;
mod locks;
pub mod pike;
pub mod shared_values;
mod value;

use strowger_sip::Time;

use address_groups::AddressGroups;
use dialogs::Dialogs;
use dispatcher::{Dispatcher, DispatcherSettings};
use hash_table::{ExpiredCell, HashTables};
use pike::{Pike, PikeSettings};
use shared_values::SharedValues;
pub use value::TableValue;

/// All tables that scripts share.
#[derive(Debug)]
pub struct ScriptTables {
    /// `$sht` and its kin.
    pub hash_tables: HashTables,
    /// `$shv`.
    pub shared_values: SharedValues,
    /// `pike_check_req`.
    pub pike: Pike,
    /// `allow_address` and its kin.
    pub address_groups: AddressGroups,
    /// `ds_select_dst` and its kin.
    pub dispatcher: Dispatcher,
    /// `dlg_manage` and its kin.
    pub dialogs: Dialogs,
}

impl ScriptTables {
    /// Empty tables with the settings that Kamailio has when none are given. `seed` spreads keys over stripes.
    pub fn new(seed: u64) -> ScriptTables {
        ScriptTables {
            hash_tables: HashTables::new(seed),
            shared_values: SharedValues::new(seed),
            pike: Pike::new(PikeSettings::default(), seed),
            address_groups: AddressGroups::new(),
            dispatcher: Dispatcher::new(DispatcherSettings::default(), seed),
            dialogs: Dialogs::new(seed),
        }
    }

    /// Frees what has expired, looking at about `budget` entries of each table; returns the cells of hash tables,
    /// for whoever wants to tell a script of them.
    pub fn sweep(&self, now: Time, budget: usize) -> Vec<ExpiredCell> {
        self.pike.sweep(now, budget);
        self.dispatcher.sweep(now, budget);
        self.dialogs.sweep(now, budget);
        self.hash_tables.sweep(now, budget)
    }

    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        self.hash_tables.visit(f);
        self.shared_values.visit(f);
        self.pike.visit(f);
        self.address_groups.visit(f);
        self.dispatcher.visit(f);
        self.dialogs.visit(f);
    }
}

impl Default for ScriptTables {
    fn default() -> ScriptTables {
        ScriptTables::new(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_a_name_of_its_own() {
        let tables = ScriptTables::default();
        let mut names = Vec::new();
        tables.visit(&mut |name, help, value| {
            assert!(help.ends_with('.'), "{name}");
            assert_eq!(value, 0, "{name}");
            names.push(name);
        });
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(count > 20);
    }

    #[test]
    fn tables_are_shared_by_shards() {
        fn shared<T: Send + Sync>(_: &T) {}
        shared(&ScriptTables::new(1));
    }

    #[test]
    fn a_sweep_goes_through_all_tables() {
        let tables = ScriptTables::new(1);
        let definition = hash_table::TableDefinition::parse("a=>autoexpire=5").expect("one");
        tables.hash_tables.define(definition).expect("room");
        let table = tables.hash_tables.table(b"a").expect("it is there");
        let now = Time::from_secs(100);
        table.set_int(b"x", 1, now).expect("room");
        tables.pike.check([192, 0, 2, 1].into(), now);
        assert_eq!(tables.sweep(Time::from_secs(300), 1_000).len(), 1);
        assert!(tables.pike.is_empty());
    }
}
