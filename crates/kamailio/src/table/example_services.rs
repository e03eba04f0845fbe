//! What Kamailio's own example script calls beyond `example`: checks, users, NAT and media.

use super::Function;
use super::Param::{Int, Str};
use super::Returns;

const NUMBER: Returns = Returns::Int;

const fn f(
    module: &'static str,
    name: &'static str,
    params: &'static [super::Param],
    returns: Returns,
    doc: &'static str,
) -> Function {
    Function::new(module, name, params, returns, doc)
}

pub(super) static FUNCTIONS: &[Function] = &[
    f("siputils", "has_totag", &[], NUMBER, "To has a tag"),
    f(
        "siputils",
        "is_request",
        &[],
        NUMBER,
        "the message is a request",
    ),
    f(
        "siputils",
        "is_reply",
        &[],
        NUMBER,
        "the message is a reply",
    ),
    f(
        "siputils",
        "is_first_hop",
        &[],
        NUMBER,
        "the message comes from its origin, not from a proxy",
    ),
    f(
        "corex",
        "has_ruri_user",
        &[],
        NUMBER,
        "the Request-URI has a user",
    ),
    f(
        "maxfwd",
        "process_maxfwd",
        &[Int],
        NUMBER,
        "counts Max-Forwards down, or adds it",
    ),
    f(
        "sanity",
        "sanity_check",
        &[Int, Int],
        NUMBER,
        "checks the message, and answers it if it fails",
    ),
    f(
        "auth_db",
        "auth_check",
        &[Str, Str, Int],
        NUMBER,
        "checks the digest credentials against a table",
    )
    .may_wait(),
    f(
        "auth",
        "auth_challenge",
        &[Str, Int],
        NUMBER,
        "answers with a challenge: 401 to REGISTER, else 407",
    ),
    f(
        "auth",
        "consume_credentials",
        &[],
        NUMBER,
        "removes the credentials that were checked",
    ),
    f(
        "permissions",
        "allow_source_address",
        &[Int],
        NUMBER,
        "the source address is in a group",
    ),
    f(
        "registrar",
        "save",
        &[Str, Int],
        NUMBER,
        "changes the bindings, and answers",
    ),
    f(
        "registrar",
        "lookup",
        &[Str],
        NUMBER,
        "takes the contacts of the user as targets",
    ),
    f(
        "nathelper",
        "nat_uac_test",
        &[Int],
        NUMBER,
        "one of the signs of a NAT is there",
    ),
    f(
        "nathelper",
        "fix_nated_register",
        &[],
        NUMBER,
        "keeps the source address for the binding",
    ),
    f(
        "nathelper",
        "set_contact_alias",
        &[],
        NUMBER,
        "writes the source address into Contact",
    ),
    f(
        "nathelper",
        "handle_ruri_alias",
        &[],
        NUMBER,
        "takes the address from the Request-URI as destination",
    ),
    f(
        "htable",
        "sht_match_name",
        &[Str, Str, Str],
        NUMBER,
        "a key of the table matches",
    ),
    f(
        "htable",
        "sht_seti",
        &[Str, Str, Int],
        NUMBER,
        "sets a cell to a number",
    ),
    f(
        "pike",
        "pike_check_req",
        &[],
        NUMBER,
        "the source sends no more than it may",
    ),
    f(
        "rtpproxy",
        "rtpproxy_manage",
        &[Str],
        NUMBER,
        "offer, answer or deletion, as the message asks for",
    )
    .needs_engine(),
    f(
        "rtpengine",
        "rtpengine_manage",
        &[Str],
        NUMBER,
        "offer, answer or deletion, as the message asks for",
    )
    .needs_engine(),
];
