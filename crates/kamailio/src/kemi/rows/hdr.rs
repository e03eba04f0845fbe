//! `hdr`: header fields, as whole lines and by name. Lines are taken as they are; pseudo-variables in them are not read.

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_sip::{Edits, Message};

use super::{IfNull, got, yes_no};
use crate::kemi::change::{headers_named, lines};
use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;
use crate::pv::{HeaderPart, Place, header_fields};

const LINE: &[Parameter] = &[Parameter::text("line")];
const NAME: &[Parameter] = &[Parameter::text("name")];
const LINE_AT: &[Parameter] = &[Parameter::text("line"), Parameter::text("name")];
const NAME_LINE: &[Parameter] = &[Parameter::text("name"), Parameter::text("line")];
const NAME_INDEX: &[Parameter] = &[Parameter::text("name"), Parameter::int("index")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: Returns,
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("hdr", name, parameters, returns, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "append",
        LINE,
        Returns::Int,
        "adds a header line behind all others",
        |run, args| {
            add(run, args.optional_text(0), &|message, edits, lines| {
                edits.append_lines(message, lines);
            })
        },
    ),
    f(
        "append_after",
        LINE_AT,
        Returns::Int,
        "adds a header line behind the last of a name, or behind all",
        |run, args| {
            add(run, args.optional_text(0), &|message, edits, lines| {
                let last = headers_named(message, args.text(1)).last();
                match last.map(|header| header.line.end) {
                    Some(at) if at < message.header_end() => edits.insert_lines(at, lines),
                    _ => edits.append_lines(message, lines),
                }
            })
        },
    ),
    f(
        "insert",
        LINE,
        Returns::Int,
        "adds a header line before all others",
        |run, args| {
            add(run, args.optional_text(0), &|message, edits, lines| {
                edits.insert_lines(message.header_start(), lines);
            })
        },
    ),
    f(
        "insert_before",
        LINE_AT,
        Returns::Int,
        "adds a header line before the first of a name, or before all",
        |run, args| {
            add(run, args.optional_text(0), &|message, edits, lines| {
                let first = headers_named(message, args.text(1)).next();
                let at = first.map_or(message.header_start(), |header| header.line.start);
                edits.insert_lines(at, lines);
            })
        },
    ),
    f(
        "remove",
        NAME,
        Returns::Int,
        "removes all header fields of a name, if there are any",
        |run, args| yes_no(!args.text(0).is_empty() && remove(run, args.text(0))),
    ),
    f(
        "rmappend",
        NAME_LINE,
        Returns::Int,
        "removes all header fields of a name and adds a line behind all others",
        |run, args| {
            if !remove(run, args.text(0)) {
                return Ret::Int(-1);
            }
            add(run, args.optional_text(1), &|message, edits, lines| {
                edits.append_lines(message, lines);
            })
        },
    ),
    f(
        "rminsert",
        NAME_LINE,
        Returns::Int,
        "removes all header fields of a name and adds a line before all others",
        |run, args| {
            if !remove(run, args.text(0)) {
                return Ret::Int(-1);
            }
            add(run, args.optional_text(1), &|message, edits, lines| {
                edits.insert_lines(message.header_start(), lines);
            })
        },
    ),
    f(
        "append_to_reply",
        LINE,
        Returns::Int,
        "adds a header line to replies made here",
        |run, args| match lines(args.text(0)) {
            Some(lines) if !lines.is_empty() => {
                yes_no(run.context.draft_mut().add_reply_lines(&lines))
            }
            _ => refused(run, args.text(0)),
        },
    ),
    f(
        "is_present",
        NAME,
        Returns::Int,
        "there is a header field of that name",
        |run, args| {
            let name = args.text(0);
            yes_no(headers_named(run.context.message(), name).next().is_some())
        },
    ),
    f(
        "get",
        NAME,
        Returns::Value,
        "the first header field of a name; nil if there is none",
        |run, args| value(run, args.text(0), 0, IfNull::Nil),
    ),
    f(
        "gete",
        NAME,
        Returns::Value,
        "the first header field of a name, or an empty string",
        |run, args| value(run, args.text(0), 0, IfNull::Empty),
    ),
    f(
        "getw",
        NAME,
        Returns::Value,
        "the first header field of a name, or `<null>`",
        |run, args| value(run, args.text(0), 0, IfNull::Marked),
    ),
    f(
        "get_idx",
        NAME_INDEX,
        Returns::Value,
        "a header field by name and place, from the end if negative; nil if there is none",
        |run, args| value(run, args.text(0), args.int(1), IfNull::Nil),
    ),
    f(
        "gete_idx",
        NAME_INDEX,
        Returns::Value,
        "the same, or an empty string",
        |run, args| value(run, args.text(0), args.int(1), IfNull::Empty),
    ),
    f(
        "getw_idx",
        NAME_INDEX,
        Returns::Value,
        "the same, or `<null>`",
        |run, args| value(run, args.text(0), args.int(1), IfNull::Marked),
    ),
    f(
        "match_content",
        &[
            Parameter::text("name"),
            Parameter::text("operator"),
            Parameter::text("value"),
            Parameter::text("which"),
        ],
        Returns::Bool,
        "the first, last, one or all (f, l, o, a) of a name are equal, not equal, begin with or hold (eq, ne, sw, in) a text",
        |run, args| Ret::Bool(matches(run, args).unwrap_or(false)),
    ),
];

/// Adds lines where `put` puts them. A text that is no header line is refused, and told to the log.
fn add(run: &mut KemiRun, text: Option<&[u8]>, put: &dyn Fn(&Message, &mut Edits, &[u8])) -> Ret {
    let Some(text) = text else {
        return Ret::Int(-1);
    };
    match lines(text) {
        Some(lines) if lines.is_empty() => Ret::Int(1),
        Some(lines) => yes_no(run.change(lines.len(), &mut |message, edits| {
            put(message, edits, &lines);
        })),
        None => refused(run, text),
    }
}

fn refused(run: &mut KemiRun, text: &[u8]) -> Ret {
    run.log(LogLevel::Error, &[b"not a header line: ", text].concat());
    Ret::Int(-1)
}

/// Removes all header fields of a name; true even if there is none.
pub(super) fn remove(run: &mut KemiRun, name: &[u8]) -> bool {
    run.change(0, &mut |message, edits| {
        for header in headers_named(message, name) {
            edits.remove(message, &header);
        }
    })
}

fn value(run: &KemiRun, name: &[u8], index: i64, if_null: IfNull) -> Ret {
    let place = Place::At(index);
    got(
        header_fields(run.context.message(), name, HeaderPart::Body, place),
        if_null,
    )
}

/// `None` for operators and places that there are not.
fn matches(run: &KemiRun, args: Args<'_>) -> Option<bool> {
    let wanted = args.text(2).to_ascii_lowercase();
    let operator = args.text(1).to_ascii_lowercase();
    let compare: fn(&[u8], &[u8]) -> bool = match operator.as_slice() {
        b"eq" => |one, other| one == other,
        b"ne" => |one, other| one != other,
        b"sw" => |one, other| one.starts_with(other),
        b"in" => {
            |one, other| other.is_empty() || one.windows(other.len()).any(|window| window == other)
        }
        _ => return None,
    };
    let message = run.context.message();
    let mut values = headers_named(message, args.text(0))
        .map(|header| compare(&header.value.to_ascii_lowercase(), &wanted));
    match args.text(3).first()?.to_ascii_lowercase() {
        b'f' => values.next(),
        b'l' => values.last(),
        b'o' => Some(values.any(|one| one)),
        b'a' => {
            let mut values = values.peekable();
            values.peek()?;
            Some(values.all(|one| one))
        }
        _ => None,
    }
}
