//! Modules and their parameters: which are covered, what a parameter takes, and what becomes of it here.

use super::report::Class::{self, NoEffect, NotSupported, Used};

/// What a module parameter takes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A number.
    Number,
    /// A string.
    Text,
    /// Either.
    Any,
}

/// A module that is known.
#[derive(Debug)]
pub struct Module {
    /// Its name.
    pub name: &'static str,
    /// What becomes of it.
    pub class: Class,
    /// The same in words.
    pub why: &'static str,
    /// Parameters that are used, their names with blanks between: numbers, then strings.
    numbers: &'static str,
    texts: &'static str,
    /// Parameters that are accepted without effect.
    idle: &'static str,
}

impl Module {
    /// What a parameter takes and what becomes of it; `None` if it is not known.
    pub fn parameter(&self, name: &str) -> Option<(Takes, Class)> {
        let has = |names: &str| names.split_whitespace().any(|other| other == name);
        if has(self.numbers) {
            return Some((Takes::Number, self.class));
        }
        if has(self.texts) {
            return Some((Takes::Text, self.class));
        }
        has(self.idle).then_some((Takes::Any, NoEffect))
    }

    /// The names of all parameters that are known.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        [self.numbers, self.texts, self.idle]
            .into_iter()
            .flat_map(str::split_whitespace)
    }
}

/// A module, if it is known.
pub fn module(name: &str) -> Option<&'static Module> {
    COVERED
        .iter()
        .chain(IDLE)
        .find(|module| module.name == name)
}

/// The names of all modules that are known.
pub fn names() -> impl Iterator<Item = &'static str> {
    COVERED.iter().chain(IDLE).map(|module| module.name)
}

const fn covered(
    name: &'static str,
    numbers: &'static str,
    texts: &'static str,
    idle: &'static str,
) -> Module {
    Module {
        name,
        class: Used,
        why: "script functions",
        numbers,
        texts,
        idle,
    }
}

const fn idle(name: &'static str, why: &'static str) -> Module {
    Module {
        name,
        class: NoEffect,
        why,
        numbers: "",
        texts: "",
        idle: "",
    }
}

const fn refused(name: &'static str, why: &'static str) -> Module {
    Module {
        name,
        class: NotSupported,
        why,
        numbers: "",
        texts: "",
        idle: "",
    }
}

static COVERED: &[Module] = &[
    covered("app_lua", "reload log_mode", "load", ""),
    covered(
        "auth",
        "nonce_expire nonce_auth_max_drift nonce_count one_time_nonce nc_array_size \
         auth_checks_register auth_checks_no_dlg auth_checks_in_dlg force_stateless_reply \
         add_authinfo_hdr",
        "secret realm_prefix qop algorithm",
        "nid_pool_no nc_array_order otn_in_flight_no otn_in_flight_order use_domain",
    ),
    covered(
        "auth_db",
        "calculate_ha1 use_domain version_table",
        "db_url user_column domain_column password_column password_column_2 load_credentials",
        "",
    ),
    covered(
        "cfgutils",
        "initial_probability lock_set_size initial_gflags",
        "hash_file",
        "",
    ),
    covered(
        "corex",
        "nio_intercept",
        "evcb_reply_out alias_subdomains dns_cache nio_msg_avp",
        "",
    ),
    covered(
        "dialog",
        "enable_stats hash_size dlg_flag default_timeout db_mode track_cseq_updates \
         dlg_match_mode detect_spirals send_bye wait_ack ka_timer ka_interval \
         initial_cbs_inscript db_update_period db_fetch_rows end_timeout timeout_noreset \
         timer_procs keep_proxy_rr",
        "rr_param timeout_avp dlg_extra_hdrs db_url profiles_with_value profiles_no_value \
         bridge_controller bridge_contact event_callback ruri_pvar lreq_callee_headers",
        "",
    ),
    covered(
        "dispatcher",
        "flags force_dst use_default ds_ping_interval ds_probing_mode ds_probing_threshold \
         ds_inactive_threshold ds_ping_latency_stats ds_latency_estimator_alpha ds_hash_size \
         ds_hash_expire ds_hash_initexpire ds_hash_check_interval ds_timer_mode ds_attrs_none \
         ds_load_mode reload_delta xavp_dst_mode",
        "ds_db_extra_attrs list_file db_url table_name setid_col destination_col flags_col \
         priority_col attrs_col xavp_dst xavp_ctx hash_pvar setid_pvname attrs_pvname \
         ds_ping_method ds_ping_from ds_ping_reply_codes ds_default_socket ds_default_sockname \
         outbound_proxy event_callback",
        "",
    ),
    covered(
        "domain",
        "register_myself",
        "db_url domain_table domain_col did_col",
        "",
    ),
    covered("async", "workers ms_timer", "", ""),
    covered("hdr", "", "", ""),
    covered(
        "htable",
        "timer_interval db_expires fetch_rows timer_procs enable_dmq dmq_init_sync",
        "htable db_url key_name_column key_type_column value_type_column key_value_column \
         expires_column array_size_suffix event_callback",
        "",
    ),
    covered(
        "http_client",
        "httpredirect httproxyport verify_peer verify_host keep_connections connection_timeout \
         query_result query_maxdatasize timeout_mode tcp_keepalive tlsversion maxdatasize \
         authmethod netinterface_len",
        "httpcon httpproxy useragent tlsclientcert tlsclientkey tlscacert cipher_suites config_file \
         netinterface",
        "",
    ),
    covered("ipops", "", "", ""),
    covered("kemix", "", "", ""),
    covered("maxfwd", "max_limit", "", ""),
    covered(
        "nathelper",
        "natping_interval ping_nated_only natping_processes sipping_bflag keepalive_timeout \
         udpping_from_path append_sdp_oldmediaip nat_addr_mode filter_server_id",
        "natping_socket received_avp force_socket alias_name sipping_from sipping_method \
         nortpproxy_str",
        "",
    ),
    covered(
        "path",
        "use_received received_format enable_r2 sockname_mode",
        "received_name",
        "",
    ),
    covered(
        "permissions",
        "load_backends peer_tag_mode db_mode reload_delta max_subnets check_all_branches",
        "db_url address_table trusted_table address_file peer_tag_avp default_allow_file \
         default_deny_file allow_suffix deny_suffix tag_col ip_addr_col mask_col port_col grp_col \
         source_col proto_col from_col ruri_col priority_col",
        "",
    ),
    covered(
        "pike",
        "sampling_time_unit reqs_density_per_unit remove_latency pike_log_level",
        "",
        "",
    ),
    covered("pv", "", "shvset varset avp_aliases", ""),
    covered(
        "registrar",
        "default_expires default_expires_range expires_range min_expires max_expires default_q \
         append_branches case_sensitive max_contacts retry_after method_filtering use_path \
         path_mode path_use_received path_check_local gruu_enabled outbound_mode regid_mode \
         flow_timer contact_max_size use_expired_contacts sock_flag lookup_filter_mode",
        "received_param received_avp realm_prefix sock_hdr_name xavp_cfg xavp_rcd event_callback",
        "",
    ),
    covered(
        "rr",
        "enable_full_lr append_fromtag enable_double_rr ignore_sips add_username \
         force_send_socket sockname_mode",
        "custom_user_avp",
        "enable_socket_mismatch_warning",
    ),
    covered(
        "rtpengine",
        "rtpengine_disable_tout aggressive_redetection rtpengine_tout_ms rtpengine_retr \
         queried_nodes_limit setid_default rtpengine_allow_op hash_table_size control_cmd_tos",
        "rtpengine_sock db_url extra_id_pv setid_avp write_sdp_pv read_sdp_pv rtp_inst_pvar",
        "",
    ),
    covered(
        "rtpproxy",
        "rtpproxy_disable_tout rtpproxy_tout rtpproxy_retr",
        "nortpproxy_str rtpproxy_sock timeout_socket db_url table_name rtp_inst_pvar",
        "",
    ),
    covered(
        "sanity",
        "default_checks uri_checks autodrop noreply",
        "proxy_require",
        "",
    ),
    covered("sdpops", "", "", ""),
    covered(
        "siptrace",
        "trace_on trace_to_database trace_flag hep_mode_on hep_version hep_capture_id trace_mode \
         xheaders_write xheaders_read trace_sl_acks",
        "duplicate_uri db_url table traced_user_avp trace_table_avp trace_local_ip \
         force_send_sock send_sock_addr auth_key evcb_msg",
        "",
    ),
    covered(
        "siputils",
        "",
        "options_accept rpid_prefix options_accept_encoding options_accept_language \
         options_support rpid_avp rpid_suffix contact_flds_separator",
        "",
    ),
    covered(
        "sl",
        "bind_tm default_code rich_redirect",
        "default_reason event_callback_fl_ack event_callback_lres_sent",
        "",
    ),
    covered(
        "sqlops",
        "sqlbuf_size tr_buf_size connect_mode log_buf_size",
        "sqlcon",
        "",
    ),
    covered("textops", "", "", ""),
    covered("textopsx", "", "", ""),
    covered(
        "tm",
        "fr_timer fr_inv_timer max_inv_lifetime max_noninv_lifetime wt_timer retr_timer1 \
         retr_timer2 noisy_ctimer restart_fr_on_each_reply auto_inv_100 pass_provisional_replies \
         unmatched_cancel ruri_matching via1_matching failure_reply_mode faked_reply_prio \
         cancel_b_method reparse_invite blst_503 blst_503_def_timeout reparse_on_dns_failover \
         rich_redirect aggregate_challenges local_ack_mode local_cancel_reason e2e_cancel_reason \
         disable_6xx_block relay_100 enable_uac_fr unix_tx_timeout",
        "ac_extra_hdrs on_sl_reply contacts_avp auto_inv_100_reason default_reason fr_timer_avp \
         fr_inv_timer_avp contact_flows_avp event_callback event_callback_lres_sent xavp_contact",
        "",
    ),
    covered("tmx", "", "", ""),
    covered(
        "uac",
        "restore_dlg reg_timer_interval reg_retry_interval reg_keep_callid reg_random_delay \
         reg_gc_interval",
        "restore_mode rr_from_store_param rr_to_store_param restore_passwd credential \
         auth_realm_avp auth_username_avp auth_password_avp reg_db_url reg_db_table \
         reg_contact_addr event_callback restore_from_avp restore_to_avp default_socket",
        "",
    ),
    covered(
        "usrloc",
        "nat_bflag use_domain timer_interval timer_procs db_mode hash_size matching_mode \
         cseq_delay fetch_rows handle_lost_tcp close_expired_tcp db_insert_null \
         db_update_as_insert expires_type server_id_filter ka_mode ka_timeout db_ops_ruid \
         db_raw_fetch_type rm_expired_delay db_check_update skip_remote_socket",
        "db_url preload user_column domain_column contact_column expires_column q_column \
         callid_column cseq_column methods_column flags_column cflags_column user_agent_column \
         received_column socket_column path_column ruid_column instance_column xavp_contact \
         ka_domain ka_method ka_from",
        "",
    ),
    covered(
        "xlog",
        "force_color long_format methods_filter",
        "prefix log_facility log_colors",
        "buf_size",
    ),
    covered(
        "xmlrpc",
        "",
        "route url_match",
        "autoconversion escape_cr mode event_callback",
    ),
];

const STORE: &str = "stores are opened as they are needed";
const SEEN: &str = "the admin interface serves this";
const LATER: &str = "none of its functions are there";

static IDLE: &[Module] = &[
    idle("db_text", STORE),
    idle("db_sqlite", STORE),
    idle("db_mysql", STORE),
    idle("db_postgres", STORE),
    idle("db_cluster", STORE),
    idle("ctl", SEEN),
    idle("kex", SEEN),
    idle("counters", SEEN),
    idle("statistics", SEEN),
    idle("jsonrpcs", SEEN),
    idle("cfg_rpc", SEEN),
    idle("mi_fifo", SEEN),
    idle("mi_rpc", SEEN),
    idle("xhttp_prom", SEEN),
    idle("debugger", "the script host tells file and line by itself"),
    idle("stun", "connections are kept by other means"),
    refused("acc", "calls are recorded as events"),
    refused("app_python3", LATER),
    refused("app_jsdt", LATER),
    refused("app_ruby", LATER),
    refused("app_sqlang", LATER),
    refused("presence", LATER),
    refused("presence_xml", LATER),
    refused("tls", "certificates come from the server's settings"),
    refused("websocket", LATER),
    refused("xhttp", LATER),
    refused("dmq", LATER),
    refused("msilo", LATER),
    refused("topos", LATER),
    refused("topoh", LATER),
    refused("lcr", LATER),
    refused("alias_db", LATER),
    refused("speeddial", LATER),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_module_is_listed_twice() {
        let unique: BTreeSet<&str> = names().collect();
        assert_eq!(unique.len(), names().count());
    }
}
