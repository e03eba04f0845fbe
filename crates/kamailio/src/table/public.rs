//! The 35 functions beyond the example that published scripts call. Parameters and returns were compared with the
//! list that Kamailio 5.6.3 gives of itself (`app_lua.api_list`).

use super::Function;
use super::Param::{self, Int, Str};
use super::Returns::{self, Bool, Nothing, Value};

const NUMBER: Returns = Returns::Int;

const fn f(
    module: &'static str,
    name: &'static str,
    params: &'static [Param],
    returns: Returns,
    doc: &'static str,
) -> Function {
    Function::new(module, name, params, returns, doc).public()
}

pub(super) static FUNCTIONS: &[Function] = &[
    f("", "is_method", &[Str], Bool, "the method is the one given"),
    f("", "is_myself", &[Str], Bool, "the URI names this server"),
    f(
        "",
        "log",
        &[Str, Str],
        Nothing,
        "a log line of the level given",
    ),
    f(
        "",
        "route",
        &[Str],
        NUMBER,
        "runs a route block of the configuration",
    ),
    f(
        "cfgutils",
        "check_route_exists",
        &[Str],
        NUMBER,
        "there is a route block of that name",
    ),
    f(
        "dialog",
        "is_known_dlg",
        &[],
        NUMBER,
        "the message belongs to a dialog that is tracked",
    ),
    f(
        "dispatcher",
        "ds_is_from_list",
        &[Int],
        NUMBER,
        "the source is a destination of the set",
    ),
    f(
        "dispatcher",
        "ds_select_dst",
        &[Int, Int],
        NUMBER,
        "takes a destination of the set as next hop",
    ),
    f(
        "dispatcher",
        "ds_select_next",
        &[],
        NUMBER,
        "exists in no version; scripts see nil",
    )
    .nil(),
    f(
        "hdr",
        "gete",
        &[Str],
        Value,
        "the first header field of a name, or an empty string",
    ),
    f("kx", "get_fuser", &[], Value, "the user of From"),
    f("kx", "get_tuser", &[], Value, "the user of To"),
    f(
        "nats",
        "publish",
        &[Str, Str],
        NUMBER,
        "publishing to a NATS server; scripts see nil",
    )
    .nil(),
    f(
        "pv",
        "gete",
        &[Str],
        Value,
        "the value; an empty string for null",
    ),
    f(
        "pv",
        "getvn",
        &[Str, Int],
        Value,
        "the value; the number given for null",
    ),
    f("pv", "is_null", &[Str], Bool, "the value is null"),
    f(
        "pv",
        "seti",
        &[Str, Int],
        Bool,
        "sets a pseudo-variable to a number",
    ),
    f(
        "pv",
        "sets",
        &[Str, Str],
        Bool,
        "sets a pseudo-variable to a string",
    ),
    f(
        "rr",
        "is_direction",
        &[Str],
        NUMBER,
        "the request goes downstream or upstream",
    ),
    f(
        "rtpengine",
        "rtpengine_answer",
        &[Str],
        NUMBER,
        "sends the answer to the relay",
    )
    .needs_engine(),
    f(
        "rtpengine",
        "rtpengine_offer",
        &[Str],
        NUMBER,
        "sends the offer to the relay",
    )
    .needs_engine(),
    f(
        "rtpengine",
        "rtpengine_delete0",
        &[],
        NUMBER,
        "ends the session of the relay",
    )
    .needs_engine(),
    f(
        "rtpengine",
        "rtpengine_query0",
        &[],
        NUMBER,
        "asks the relay about the session",
    )
    .needs_engine(),
    f(
        "rtpengine",
        "set_rtpengine_set",
        &[Int],
        NUMBER,
        "chooses the set of relays",
    )
    .needs_engine(),
    f(
        "rtpengine",
        "set_rtpengine_set2",
        &[Int, Int],
        NUMBER,
        "chooses the sets of relays for both sides",
    )
    .needs_engine(),
    f(
        "rtpengine",
        "start_recording",
        &[],
        NUMBER,
        "has the relay record the session",
    )
    .needs_engine(),
    f(
        "sdpops",
        "sdp_get_line_startswith",
        &[Str, Str],
        NUMBER,
        "keeps the first line of the SDP that begins so",
    ),
    f("siptrace", "sip_trace", &[], NUMBER, "mirrors the message").needs_engine(),
    f(
        "textops",
        "has_body_type",
        &[Str],
        NUMBER,
        "the body is of that type",
    ),
    f(
        "textopsx",
        "msg_apply_changes",
        &[],
        NUMBER,
        "makes the changes so far visible to the script",
    ),
    f(
        "tm",
        "t_reply",
        &[Int, Str],
        NUMBER,
        "answers through the transaction",
    ),
    f("tmx", "t_suspend", &[], NUMBER, "parks the transaction"),
    f(
        "tmx",
        "t_continue",
        &[Int, Int, Str],
        NUMBER,
        "goes on with a parked transaction in a function",
    ),
    f(
        "xlog",
        "xerr",
        &[Str],
        NUMBER,
        "a log line of an error, with pseudo-variables",
    ),
    f(
        "xmlrpc",
        "dispatch_rpc",
        &[],
        NUMBER,
        "runs the RPC in the body, and answers",
    )
    .needs_engine(),
];
