//! `uac`: From and To of a forwarded request. They are not put back in responses, as with `restore_mode` none.

use strowger_lua::{Args, Class, Parameter, Ret, Returns, Row};
use strowger_sip::{HeaderName, NameAddr, Uri};

use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;

const URI: &[Parameter] = &[Parameter::text("uri")];
const DISPLAY_URI: &[Parameter] = &[Parameter::text("display"), Parameter::text("uri")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("uac", name, parameters, Returns::Int, doc, call)
}

const fn engineless(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
) -> Row<KemiRun> {
    f(name, parameters, doc, |run, _| {
        super::without_engine(run, "uac", "a script has no user agent of its own")
    })
    .of_class(Class::WithoutEngine)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "uac_replace_from",
        DISPLAY_URI,
        "another display name and URI in From of the forwarded request; an empty one stays as it is",
        |run, args| replace(run, HeaderName::From, Some(args.text(0)), args.text(1)),
    ),
    f(
        "uac_replace_from_uri",
        URI,
        "another URI in From of the forwarded request",
        |run, args| replace(run, HeaderName::From, None, args.text(0)),
    ),
    f(
        "uac_replace_to",
        DISPLAY_URI,
        "another display name and URI in To of the forwarded request",
        |run, args| replace(run, HeaderName::To, Some(args.text(0)), args.text(1)),
    ),
    f(
        "uac_replace_to_uri",
        URI,
        "another URI in To of the forwarded request",
        |run, args| replace(run, HeaderName::To, None, args.text(0)),
    ),
    f(
        "uac_restore_from",
        &[],
        "puts From back: never, the dialog does not remember it",
        |_, _| Ret::Int(-1),
    ),
    f(
        "uac_restore_to",
        &[],
        "puts To back: never, the dialog does not remember it",
        |_, _| Ret::Int(-1),
    ),
    engineless("uac_auth", &[], "answers a challenge of the next hop"),
    engineless(
        "uac_auth_mode",
        &[Parameter::int("mode")],
        "answers a challenge of the next hop",
    ),
    engineless("uac_req_send", &[], "sends the request of $uac_req"),
    engineless(
        "uac_reg_lookup",
        &[Parameter::text("user"), Parameter::text("dst")],
        "finds a registration of our own",
    ),
    engineless(
        "uac_reg_lookup_uri",
        &[Parameter::text("uri"), Parameter::text("dst")],
        "finds a registration of our own",
    ),
    engineless(
        "uac_reg_status",
        &[Parameter::text("user")],
        "the state of a registration of our own",
    ),
    engineless(
        "uac_reg_request_to",
        &[Parameter::text("user"), Parameter::int("mode")],
        "authenticates by a registration of our own",
    ),
    engineless(
        "uac_reg_enable",
        &[Parameter::text("attribute"), Parameter::text("value")],
        "begins a registration of our own",
    ),
    engineless(
        "uac_reg_disable",
        &[Parameter::text("attribute"), Parameter::text("value")],
        "ends a registration of our own",
    ),
    engineless(
        "uac_reg_refresh",
        &[Parameter::text("user")],
        "refreshes a registration of our own",
    ),
];

/// A field of this kind may be replaced once a message: its edits would overlap.
fn replace(run: &mut KemiRun, name: HeaderName, display: Option<&[u8]>, uri: &[u8]) -> Ret {
    let is_from = name == HeaderName::From;
    let uri_fits = uri.is_empty() || Uri::parse(uri).is_ok();
    if !uri_fits || !run.is_request() {
        return Ret::Int(-1);
    }
    let replaced = &mut run.kept().addresses_replaced;
    let already = if is_from {
        &mut replaced.0
    } else {
        &mut replaced.1
    };
    if core::mem::replace(already, true) {
        run.log(LogLevel::Error, b"From or To was replaced before");
        return Ret::Int(-1);
    }
    run.context.edit(&mut |message, draft| {
        let address = if is_from {
            message.from()
        } else {
            message.to()
        };
        let display = display.filter(|display| !display.is_empty());
        let range = address.range.start..end_of_address(&address);
        let name = display.unwrap_or(address.display_name).trim_ascii();
        let uri = if uri.is_empty() { address.uri } else { uri };
        draft.edits.replace_range_with(range, |out| {
            out.extend_from_slice(name);
            if !name.is_empty() {
                out.push(b' ');
            }
            out.push(b'<');
            out.extend_from_slice(uri);
            out.push(b'>');
        });
    });
    Ret::Int(1)
}

/// Where the address itself ends: behind its bracket, if it has one.
fn end_of_address(address: &NameAddr<'_>) -> usize {
    address.uri_range().end + usize::from(address.bracketed)
}
