//! The functions that published scripts call, and the page that says what of Kamailio is covered. What a function does is
//! said by its row alone (`kemi::rows`); here stands only which were counted.

mod coverage;

pub use coverage::coverage_page;

/// Where a function is known from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The example that comes with Kamailio.
    Example,
    /// Other scripts that people publish.
    Public,
}

/// Modules whose functions stand in the core: they are there without `loadmodule`.
pub const BUILT_IN: &[&str] = &["", "hdr", "pv", "x"];

/// The 74 functions that Kamailio's own example script calls: modules, each with its names.
const EXAMPLE: &[(&str, &str)] = &[
    (
        "",
        "dbg err info is_INVITE is_ACK is_BYE is_CANCEL is_REGISTER is_OPTIONS is_NOTIFY \
         is_method_in is_myself_ruri is_myself_furi is_myself_srcip setflag isflagset setbflag \
         isbflagset isdsturiset force_rport set_reply_no_connect",
    ),
    ("auth", "auth_challenge consume_credentials"),
    ("auth_db", "auth_check"),
    ("corex", "has_ruri_user"),
    ("hdr", "append remove"),
    ("htable", "sht_match_name sht_seti"),
    (
        "kx",
        "get_furi get_ruri get_method get_srcip get_srcport get_status gete_fhost gete_ua ifdef",
    ),
    ("maxfwd", "process_maxfwd"),
    (
        "nathelper",
        "nat_uac_test fix_nated_register set_contact_alias handle_ruri_alias",
    ),
    ("permissions", "allow_source_address"),
    ("pike", "pike_check_req"),
    ("pv", "get"),
    ("registrar", "save lookup"),
    (
        "rr",
        "record_route loose_route add_rr_param check_route_param",
    ),
    ("rtpengine", "rtpengine_manage"),
    ("rtpproxy", "rtpproxy_manage"),
    ("sanity", "sanity_check"),
    ("siputils", "has_totag is_request is_reply is_first_hop"),
    ("sl", "sl_send_reply send_reply sl_reply_error"),
    (
        "tm",
        "t_check_trans t_relay t_newtran t_on_branch t_on_reply t_on_failure t_is_set \
         t_is_canceled",
    ),
    ("tmx", "t_precheck_trans t_is_branch_route"),
    ("x", "exit drop"),
];

/// The 35 functions beyond them that the other published scripts call.
const PUBLIC: &[(&str, &str)] = &[
    ("", "is_method is_myself log route"),
    ("cfgutils", "check_route_exists"),
    ("dialog", "is_known_dlg"),
    ("dispatcher", "ds_is_from_list ds_select_dst ds_select_next"),
    ("hdr", "gete"),
    ("kx", "get_fuser get_tuser"),
    ("nats", "publish"),
    ("pv", "gete getvn is_null seti sets"),
    ("rr", "is_direction"),
    (
        "rtpengine",
        "rtpengine_answer rtpengine_offer rtpengine_delete0 rtpengine_query0 set_rtpengine_set \
         set_rtpengine_set2 start_recording",
    ),
    ("sdpops", "sdp_get_line_startswith"),
    ("siptrace", "sip_trace"),
    ("textops", "has_body_type"),
    ("textopsx", "msg_apply_changes"),
    ("tm", "t_reply"),
    ("tmx", "t_suspend t_continue"),
    ("xlog", "xerr"),
    ("xmlrpc", "dispatch_rpc"),
];

/// A function that published scripts call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The module; empty for the core, whose functions stand in `KSR` itself.
    pub module: &'static str,
    /// The name.
    pub name: &'static str,
    /// Where it is known from.
    pub origin: Origin,
}

/// All of them: those of the example, then the others, by module.
pub fn known() -> impl Iterator<Item = Known> {
    let of = |list: &'static [(&'static str, &'static str)], origin| {
        list.iter().flat_map(move |(module, names)| {
            names.split_whitespace().map(move |name| Known {
                module,
                name,
                origin,
            })
        })
    };
    of(EXAMPLE, Origin::Example).chain(of(PUBLIC, Origin::Public))
}

/// Where a function is known from, if published scripts call it.
pub fn origin(module: &str, name: &str) -> Option<Origin> {
    known()
        .find(|known| known.module == module && known.name == name)
        .map(|known| known.origin)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::kemi::rows;

    #[test]
    fn the_example_needs_74_functions_and_other_scripts_35_more() {
        let count = |origin| known().filter(|known| known.origin == origin).count();
        assert_eq!((count(Origin::Example), count(Origin::Public)), (74, 35));
    }

    #[test]
    fn each_of_them_has_a_row() {
        let rows: BTreeSet<(&str, &str)> = rows::ALL
            .iter()
            .copied()
            .flatten()
            .map(|row| (row.module, row.name))
            .collect();
        let missing: Vec<Known> = known()
            .filter(|known| !rows.contains(&(known.module, known.name)))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn functions_are_found_by_module_and_name() {
        assert_eq!(origin("tm", "t_relay"), Some(Origin::Example));
        assert_eq!(origin("", "is_method"), Some(Origin::Public));
        assert_eq!(origin("tm", "nothing"), None);
    }
}
