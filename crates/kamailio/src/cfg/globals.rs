//! Global parameters: which there are, what value they take, and what becomes of them here.

use super::report::Class::{self, NoEffect, Used};

/// What a global parameter takes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// A number, or one of the words for yes and no.
    Number,
    /// A string in quotes.
    Text,
    /// A string or a bare word.
    Name,
    /// A bare word.
    Word,
}

use Takes::{Name, Number, Text, Word};

/// A group of parameters with the same fate.
pub(crate) struct Group {
    pub(crate) takes: Takes,
    pub(crate) class: Class,
    /// What becomes of them, as the report says it.
    pub(crate) why: &'static str,
    names: &'static [&'static str],
}

const fn group(
    takes: Takes,
    class: Class,
    why: &'static str,
    names: &'static [&'static str],
) -> Group {
    Group {
        takes,
        class,
        why,
        names,
    }
}

const MEMORY: &str = "memory is not divided into pools";
const PROCESSES: &str = "there are no child processes: workers follow the processors";
const CONNECTIONS: &str = "connections have limits of their own";
const RESOLVER: &str = "the resolver caches by time to live and fails over by itself";
const LOG: &str = "log lines are chosen by the server's own settings";

static GROUPS: &[Group] = &[
    group(
        Number,
        Used,
        "listening",
        &[
            "port",
            "tls_port_no",
            "advertised_port",
            "enable_tls",
            "tls_enable",
            "disable_tcp",
            "auto_aliases",
            "auto_bind_ipv6",
        ],
    ),
    group(Name, Used, "listening", &["advertised_address"]),
    group(
        Number,
        Used,
        "workers",
        &[
            "children",
            "socket_workers",
            "tcp_children",
            "async_workers",
        ],
    ),
    group(Number, Used, "log level", &["debug"]),
    group(Text, Used, "log lines", &["log_prefix", "log_name"]),
    group(
        Number,
        Used,
        "replies",
        &[
            "server_signature",
            "reply_to_via",
            "sip_warning",
            "force_rport",
            "check_via",
            "max_while_loops",
        ],
    ),
    group(
        Text,
        Used,
        "replies and own requests",
        &["server_header", "user_agent_header"],
    ),
    group(
        Number,
        Used,
        "streams",
        &[
            "tcp_max_connections",
            "tls_max_connections",
            "tcp_connection_lifetime",
            "tcp_connect_timeout",
            "tcp_send_timeout",
            "tcp_accept_no_cl",
            "tcp_accept_aliases",
            "tcp_crlf_ping",
            "tcp_keepalive",
            "tcp_keepidle",
            "tcp_keepintvl",
            "tcp_keepcnt",
            "tcp_reuse_port",
            "tcp_connection_match",
        ],
    ),
    group(
        Number,
        Used,
        "next hops",
        &[
            "udp_mtu",
            "dns",
            "rev_dns",
            "dns_try_ipv6",
            "dns_try_naptr",
            "dns_srv_lb",
            "dns_use_search_list",
            "use_dns_failover",
        ],
    ),
    group(Word, Used, "next hops", &["udp_mtu_try_proto"]),
    group(Number, Used, "identity of this server", &["server_id"]),
    group(
        Text,
        Used,
        "names of script functions",
        &[
            "kemi.onsend_route_callback",
            "kemi.event_route_callback",
            "kemi.reply_route_callback",
            "kemi.received_route_callback",
            "kemi.pre_routing_callback",
        ],
    ),
    group(
        Number,
        NoEffect,
        MEMORY,
        &[
            "memdbg",
            "memlog",
            "mem_join",
            "mem_safety",
            "mem_summary",
            "mem_status_mode",
            "shm_mem_size",
            "shm_force_alloc",
            "mlock_pages",
            "pv_buffer_size",
            "pv_buffer_slots",
            "pv_cache_limit",
            "pv_cache_action",
            "exit_timeout",
            "real_time",
            "rt_prio",
            "rt_policy",
            "rt_timer1_prio",
            "rt_timer1_policy",
            "rt_timer2_prio",
            "rt_timer2_policy",
        ],
    ),
    group(
        Number,
        NoEffect,
        PROCESSES,
        &[
            "fork",
            "fork_delay",
            "modinit_delay",
            "disable_core_dump",
            "open_files_limit",
            "tls_threads_mode",
            "wait_worker1_mode",
            "wait_worker1_time",
            "wait_worker1_usleep",
            "sip_parser_log_oneline",
            "sip_parser_mode",
            "sip_parser_log",
            "onsend_route_reply",
        ],
    ),
    group(
        Name,
        NoEffect,
        "belongs to the service manager",
        &[
            "user", "uid", "group", "gid", "chroot", "workdir", "wdir", "run_dir", "rundir",
        ],
    ),
    group(
        Number,
        NoEffect,
        LOG,
        &[
            "log_stderror",
            "log_prefix_mode",
            "corelog",
            "latency_log",
            "latency_cfg_log",
            "latency_limit_db",
            "latency_limit_action",
            "latency_limit_cfg",
            "msg_time",
            "phone2tel",
        ],
    ),
    group(Word, NoEffect, LOG, &["log_facility"]),
    group(
        Text,
        NoEffect,
        LOG,
        &["log_engine_type", "log_engine_data", "log_color"],
    ),
    group(
        Number,
        NoEffect,
        CONNECTIONS,
        &[
            "tcp_async",
            "tcp_buf_write",
            "tcp_fd_cache",
            "tcp_conn_wq_max",
            "tcp_wq_max",
            "tcp_wq_blk_size",
            "tcp_rd_buf_size",
            "tcp_defer_accept",
            "tcp_delayed_ack",
            "tcp_linger2",
            "tcp_no_connect",
            "tcp_clone_rcvbuf",
            "tcp_accept_haproxy",
            "tcp_wait_data",
            "tcp_accept_hep3",
            "tcp_accept_iplimit",
            "tcp_check_timer",
            "tcp_accept_unique",
            "tcp_msg_data_timeout",
            "tcp_msg_read_timeout",
            "tcp_main_threads",
            "tcp_script_mode",
            "tcp_syncnt",
        ],
    ),
    group(Word, NoEffect, CONNECTIONS, &["tcp_poll_method"]),
    group(
        Name,
        NoEffect,
        CONNECTIONS,
        &["tcp_source_ipv4", "tcp_source_ipv6"],
    ),
    group(
        Number,
        NoEffect,
        RESOLVER,
        &[
            "use_dns_cache",
            "dns_cache_init",
            "dns_cache_flags",
            "dns_cache_mem",
            "dns_cache_max_ttl",
            "dns_cache_min_ttl",
            "dns_cache_negative_ttl",
            "dns_cache_gc_interval",
            "dns_cache_del_nonexp",
            "dns_cache_rec_pref",
            "dns_cache_delete_nonexpired",
            "dns_retr_time",
            "dns_retr_no",
            "dns_servers_no",
            "dns_search_full_match",
            "dns_udp_pref",
            "dns_tcp_pref",
            "dns_tls_pref",
            "dns_sctp_pref",
            "dns_naptr_ignore_rfc",
            "use_dst_blocklist",
            "dst_blocklist_init",
            "dst_blocklist_mem",
            "dst_blocklist_expire",
            "dst_blocklist_gc_interval",
            "dst_blocklist_udp_imask",
            "dst_blocklist_tcp_imask",
            "dst_blocklist_tls_imask",
        ],
    ),
    group(
        Number,
        NoEffect,
        "sockets are made by the server's own settings",
        &[
            "mhomed",
            "maxbuffer",
            "maxsndbuffer",
            "sql_buffer_size",
            "tos",
            "pmtu_discovery",
            "udp4_raw",
            "udp4_raw_mtu",
            "udp4_raw_ttl",
            "mcast_ttl",
            "mcast_loopback",
            "ip_free_bind",
            "bind_ipv6_link_local",
            "udp_receiver_mode",
            "enable_sctp",
            "disable_sctp",
            "sctp_children",
        ],
    ),
    group(
        Name,
        NoEffect,
        "sockets are made by the server's own settings",
        &["mcast"],
    ),
    group(
        Number,
        NoEffect,
        "routing is the script's",
        &[
            "max_branches",
            "route_locks_size",
            "async_nonblock",
            "async_usleep",
        ],
    ),
    group(
        Text,
        NoEffect,
        "routing is the script's",
        &[
            "uri_host_extra_chars",
            "hdr_name_extra_chars",
            "version_table",
            "async_workers_group",
            "xavp_via_params",
            "xavp_via_fields",
            "xavp_via_reply_params",
        ],
    ),
];

/// What a parameter takes and what becomes of it; `None` if there is no such one.
pub(crate) fn group_of(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.names.contains(&name))
}

/// All names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|group| group.names.iter().copied())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_stands_in_two_groups() {
        let unique: BTreeSet<&str> = names().collect();
        assert_eq!(unique.len(), names().count());
    }
}
