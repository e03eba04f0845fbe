//! `sdpops`: session descriptions, looked at and thinned out.

use strowger_lua::{Args, Parameter, Ret, Returns, Row};

use super::pv::written;
use super::yes_no;
use crate::kemi::run::KemiRun;
use crate::kemi::sdp::{Line, Media, SdpLines};
use crate::pv::{PvValue, WriteOutcome};

const MEDIA: &[Parameter] = &[Parameter::text("media")];
const CODECS: &[Parameter] = &[Parameter::text("codecs")];
const CODECS_MEDIA: &[Parameter] = &[Parameter::text("codecs"), Parameter::text("media")];
const PV: &[Parameter] = &[Parameter::text("pv")];
const TRANSPORT: &[Parameter] = &[Parameter::text("transport")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("sdpops", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "sdp_get_line_startswith",
        &[Parameter::text("pv"), Parameter::text("beginning")],
        "keeps the first line of the SDP that begins so in a pseudo-variable; -2 without SDP",
        |run, args| {
            let Some(lines) = SdpLines::of(run.context.message()) else {
                return Ret::Int(-2);
            };
            let line = lines
                .iter()
                .find(|line| line.text.starts_with(args.text(1)));
            let Some(text) = line.map(|line| line.text.to_vec()) else {
                return Ret::Int(-1);
            };
            store(run, args.text(0), text)
        },
    ),
    f(
        "sdp_get",
        PV,
        "keeps the SDP in a pseudo-variable; -2 without SDP",
        |run, args| {
            let Some(lines) = SdpLines::of(run.context.message()) else {
                return Ret::Int(-2);
            };
            let text = lines.text(lines.range()).to_vec();
            store(run, args.text(0), text)
        },
    ),
    f(
        "sdp_transport",
        PV,
        "keeps the transport of the first stream in a pseudo-variable; -2 without SDP",
        |run, args| {
            let lines = SdpLines::of(run.context.message());
            let first = lines.and_then(|lines| lines.media().next());
            let Some(text) = first.map(|media| media.transport.to_vec()) else {
                return Ret::Int(-2);
            };
            store(run, args.text(0), text)
        },
    ),
    f("sdp_content", &[], "there is an SDP", |run, _| {
        yes_no(SdpLines::of(run.context.message()).is_some())
    }),
    f(
        "sdp_content_flags",
        &[Parameter::int("flags")],
        "the same",
        |run, _| yes_no(SdpLines::of(run.context.message()).is_some()),
    ),
    f(
        "sdp_with_ice",
        &[],
        "a stream has ICE candidates",
        |run, _| {
            yes_no(any(run, &|media| {
                media
                    .attributes
                    .iter()
                    .any(|line| line.text.starts_with(b"a=candidate:"))
            }))
        },
    ),
    f(
        "sdp_with_media",
        MEDIA,
        "there is a stream of that kind; 0 if not",
        |run, args| {
            let wanted = args.text(0);
            one_or_zero(any(run, &|media| media.kind.eq_ignore_ascii_case(wanted)))
        },
    ),
    f(
        "sdp_with_active_media",
        MEDIA,
        "there is a stream of that kind that is neither inactive nor of port 0; 0 if not",
        |run, args| {
            let wanted = args.text(0);
            one_or_zero(any(run, &|media| {
                media.kind.eq_ignore_ascii_case(wanted)
                    && media.port != b"0"
                    && !media.has(b"a=inactive")
            }))
        },
    ),
    f(
        "sdp_with_transport",
        TRANSPORT,
        "a stream has that transport",
        |run, args| {
            let wanted = args.text(0);
            yes_no(any(run, &|media| {
                media.transport.eq_ignore_ascii_case(wanted)
            }))
        },
    ),
    f(
        "sdp_with_transport_like",
        TRANSPORT,
        "a stream has a transport that holds the text",
        |run, args| {
            let wanted = args.text(0).to_ascii_lowercase();
            yes_no(any(run, &|media| {
                let transport = media.transport.to_ascii_lowercase();
                super::textops::find(&transport, &wanted).is_some()
            }))
        },
    ),
    f(
        "sdp_with_codecs_by_name",
        CODECS,
        "streams offer one of the codecs: 1 all of them, 2 some, -1 none",
        |run, args| Ret::Int(with_codecs(run, args, &by_name).unwrap_or(-1)),
    ),
    f(
        "sdp_with_codecs_by_id",
        CODECS,
        "streams offer one of the payload types: 1 all of them, 2 some, 0 none, -1 without SDP",
        |run, args| {
            Ret::Int(match with_codecs(run, args, &by_id) {
                Some(-1) => 0,
                Some(answer) => answer,
                None => -1,
            })
        },
    ),
    f(
        "remove_codecs_by_name",
        CODECS_MEDIA,
        "removes codecs, from streams of one kind if the second is not empty: 0 if done, -1 without SDP",
        |run, args| thin(run, args, &by_name, false),
    ),
    f(
        "remove_codecs_by_id",
        CODECS_MEDIA,
        "removes payload types: 0 if done, -1 without SDP",
        |run, args| thin(run, args, &by_id, false),
    ),
    f(
        "keep_codecs_by_name",
        CODECS_MEDIA,
        "removes all other codecs: 0 if done, -1 without SDP",
        |run, args| thin(run, args, &by_name, true),
    ),
    f(
        "keep_codecs_by_id",
        CODECS_MEDIA,
        "removes all other payload types: 0 if done, -1 without SDP",
        |run, args| thin(run, args, &by_id, true),
    ),
    f(
        "remove_media",
        MEDIA,
        "removes streams of a kind; 0 if there is none",
        |run, args| {
            let Some(lines) = SdpLines::of(run.context.message()) else {
                return Ret::Int(0);
            };
            let gone: Vec<_> = lines
                .media()
                .filter(|media| media.kind.eq_ignore_ascii_case(args.text(0)))
                .map(|media| (media.line.range.start..media.end, Vec::new()))
                .collect();
            let found = !gone.is_empty();
            one_or_zero(found && run.replace_in_body(&gone))
        },
    ),
    f(
        "remove_line_by_prefix",
        &[Parameter::text("prefix"), Parameter::text("media")],
        "removes lines that begin so, of streams of one kind if the second is not empty: how many; -1 without SDP",
        remove_lines,
    ),
];

fn store(run: &mut KemiRun, pv: &[u8], text: Vec<u8>) -> Ret {
    let outcome = written(run, pv, PvValue::owned(text));
    yes_no(outcome == Some(WriteOutcome::Written))
}

fn one_or_zero(yes: bool) -> Ret {
    Ret::Int(i64::from(yes))
}

fn any(run: &KemiRun, fits: &dyn Fn(&Media<'_>) -> bool) -> bool {
    SdpLines::of(run.context.message()).is_some_and(|lines| lines.media().any(|one| fits(&one)))
}

fn listed(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|octet| *octet == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|one| !one.is_empty())
}

/// True if a format of a stream is in a list.
type InList = dyn Fn(&Media<'_>, &[u8], &[u8]) -> bool;

fn by_name(media: &Media<'_>, format: &[u8], list: &[u8]) -> bool {
    let name = media.codec(format);
    name.is_some_and(|name| listed(list).any(|one| one.eq_ignore_ascii_case(name)))
}

fn by_id(_: &Media<'_>, format: &[u8], list: &[u8]) -> bool {
    listed(list).any(|one| one == format)
}

/// 1 if every stream offers one of the codecs, 2 if some do, -1 if none does; `None` without SDP.
fn with_codecs(run: &KemiRun, args: Args<'_>, in_list: &InList) -> Option<i64> {
    let lines = SdpLines::of(run.context.message())?;
    let (mut streams, mut offering) = (0, 0);
    for media in lines.media() {
        streams += 1;
        let offers = |format: &&[u8]| in_list(&media, format, args.text(0));
        offering += i64::from(media.formats.iter().any(offers));
    }
    Some(match offering {
        0 => -1,
        all if all == streams => 1,
        _ => 2,
    })
}

/// Removes the formats that are in the list, or those that are not, with the lines that describe them.
fn thin(run: &mut KemiRun, args: Args<'_>, in_list: &InList, keeps: bool) -> Ret {
    let Some(lines) = SdpLines::of(run.context.message()) else {
        return Ret::Int(-1);
    };
    let mut changes = Vec::new();
    for media in lines.media() {
        let kind = args.text(1);
        let concerned = kind.is_empty() || media.kind.eq_ignore_ascii_case(kind);
        if !concerned || !media.transport.to_ascii_uppercase().starts_with(b"RTP") {
            continue;
        }
        let leaves = |format: &[u8]| in_list(&media, format, args.text(0)) != keeps;
        let gone: Vec<&[u8]> = media
            .formats
            .iter()
            .copied()
            .filter(|one| leaves(one))
            .collect();
        // Each by itself with the blank before it, so that one call after another may take some.
        let mut at = media.line.range.start;
        for (index, word) in media.line.text.split(|octet| *octet == b' ').enumerate() {
            let end = at + word.len();
            if index > 2 && !word.is_empty() && leaves(word) {
                changes.push((at - 1..end, Vec::new()));
            }
            at = end + 1;
        }
        for line in &media.attributes {
            if gone.iter().any(|format| describes(line, format)) {
                changes.push((line.range.clone(), Vec::new()));
            }
        }
    }
    Ret::Int(if run.replace_in_body(&changes) { 0 } else { -1 })
}

/// True for `a=rtpmap:`, `a=fmtp:` and `a=rtcp-fb:` of a format.
fn describes(line: &Line<'_>, format: &[u8]) -> bool {
    [&b"a=rtpmap:"[..], b"a=fmtp:", b"a=rtcp-fb:"]
        .into_iter()
        .filter_map(|name| line.text.strip_prefix(name))
        .filter_map(|rest| rest.strip_prefix(format))
        .any(|rest| matches!(rest.first(), None | Some(b' ')))
}

fn remove_lines(run: &mut KemiRun, args: Args<'_>) -> Ret {
    let (prefix, kind) = (args.text(0), args.text(1));
    let Some(lines) = SdpLines::of(run.context.message()) else {
        return Ret::Int(-1);
    };
    let begins = |line: &Line<'_>| !prefix.is_empty() && line.text.starts_with(prefix);
    let gone: Vec<_> = if kind.is_empty() {
        lines.iter().filter(begins).map(|line| line.range).collect()
    } else {
        lines
            .media()
            .filter(|media| media.kind.eq_ignore_ascii_case(kind))
            .flat_map(|media| media.attributes)
            .filter(begins)
            .map(|line| line.range)
            .collect()
    };
    let count = i64::try_from(gone.len()).unwrap_or(i64::MAX);
    let changes: Vec<_> = gone.into_iter().map(|range| (range, Vec::new())).collect();
    Ret::Int(if run.replace_in_body(&changes) {
        count
    } else {
        -1
    })
}
