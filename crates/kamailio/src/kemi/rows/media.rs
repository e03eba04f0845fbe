//! `rtpproxy` and `rtpengine`: there is no media relay of theirs behind, so all fail and are counted.

use strowger_lua::{Args, Class, Parameter, Ret, Returns, Row};

use crate::kemi::run::KemiRun;

const FLAGS: &[Parameter] = &[Parameter::text("flags")];
const FLAGS_ADDRESS: &[Parameter] = &[Parameter::text("flags"), Parameter::text("address")];
const SET: &[Parameter] = &[Parameter::int("set")];
const PROMPT_COUNT: &[Parameter] = &[Parameter::text("prompt"), Parameter::int("count")];

const MANAGE: &str = "offer, answer or deletion, as the message asks for";
const OFFER: &str = "sends the offer to the relay";
const ANSWER: &str = "sends the answer to the relay";
const DELETE: &str = "ends the session of the relay";
const QUERY: &str = "asks the relay about the session";
const MEDIA: &str = "has the relay stop, pass or play media";
const RECORD: &str = "has the relay record the session";

const fn proxy(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
) -> Row<KemiRun> {
    let call: fn(&mut KemiRun, Args<'_>) -> Ret =
        |run, _| super::without_engine(run, "rtpproxy", "there is no media relay");
    Row::new("rtpproxy", name, parameters, Returns::Int, doc, call).of_class(Class::WithoutEngine)
}

const fn engine(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
) -> Row<KemiRun> {
    let call: fn(&mut KemiRun, Args<'_>) -> Ret =
        |run, _| super::without_engine(run, "rtpengine", "there is no media relay");
    Row::new("rtpengine", name, parameters, Returns::Int, doc, call).of_class(Class::WithoutEngine)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    proxy("rtpproxy_manage", FLAGS, MANAGE),
    proxy("rtpproxy_manage0", &[], MANAGE),
    proxy("rtpproxy_manage_ip", FLAGS_ADDRESS, MANAGE),
    proxy("rtpproxy_offer", FLAGS, OFFER),
    proxy("rtpproxy_offer0", &[], OFFER),
    proxy("rtpproxy_offer_ip", FLAGS_ADDRESS, OFFER),
    proxy("rtpproxy_answer", FLAGS, ANSWER),
    proxy("rtpproxy_answer0", &[], ANSWER),
    proxy("rtpproxy_answer_ip", FLAGS_ADDRESS, ANSWER),
    proxy("rtpproxy_destroy", FLAGS, DELETE),
    proxy("rtpproxy_destroy0", &[], DELETE),
    proxy("set_rtpproxy_set", SET, "chooses the set of relays"),
    proxy("start_recording", &[], RECORD),
    proxy("stop_recording", &[], RECORD),
    proxy("rtpproxy_stream2uac", PROMPT_COUNT, MEDIA),
    proxy("rtpproxy_stream2uas", PROMPT_COUNT, MEDIA),
    proxy("rtpproxy_stop_stream2uac", &[], MEDIA),
    proxy("rtpproxy_stop_stream2uas", &[], MEDIA),
    engine("rtpengine_manage", FLAGS, MANAGE),
    engine("rtpengine_manage0", &[], MANAGE),
    engine("rtpengine_offer", FLAGS, OFFER),
    engine("rtpengine_offer0", &[], OFFER),
    engine("rtpengine_answer", FLAGS, ANSWER),
    engine("rtpengine_answer0", &[], ANSWER),
    engine("rtpengine_delete", FLAGS, DELETE),
    engine("rtpengine_delete0", &[], DELETE),
    engine("rtpengine_query", FLAGS, QUERY),
    engine("rtpengine_query0", &[], QUERY),
    engine(
        "rtpengine_query_v",
        &[Parameter::text("format"), Parameter::text("dst")],
        QUERY,
    ),
    engine("set_rtpengine_set", SET, "chooses the set of relays"),
    engine(
        "set_rtpengine_set2",
        &[Parameter::int("set1"), Parameter::int("set2")],
        "chooses the sets of relays for both sides",
    ),
    engine("start_recording", &[], RECORD),
    engine("stop_recording", &[], RECORD),
    engine("block_media", FLAGS, MEDIA),
    engine("block_media0", &[], MEDIA),
    engine("unblock_media", FLAGS, MEDIA),
    engine("unblock_media0", &[], MEDIA),
    engine("silence_media", FLAGS, MEDIA),
    engine("silence_media0", &[], MEDIA),
    engine("unsilence_media", FLAGS, MEDIA),
    engine("unsilence_media0", &[], MEDIA),
    engine("block_dtmf", FLAGS, MEDIA),
    engine("block_dtmf0", &[], MEDIA),
    engine("unblock_dtmf", FLAGS, MEDIA),
    engine("unblock_dtmf0", &[], MEDIA),
    engine("play_media", FLAGS, MEDIA),
    engine("stop_media", FLAGS, MEDIA),
    engine("stop_media0", &[], MEDIA),
];
