//! `registrar`: bindings. The name of the table is not looked at: there is one location service.

use strowger_lua::{Args, Class, Parameter, Ret, Returns, Row};
use strowger_routing::{DraftTarget, LookupOutcome, SaveOptions, SaveOutcome};
use strowger_sip::Uri;

use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;
use crate::sl::InternalError;

const TABLE: &[Parameter] = &[Parameter::text("table")];
const TABLE_URI: &[Parameter] = &[Parameter::text("table"), Parameter::text("uri")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("registrar", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "save",
        &[Parameter::text("table"), Parameter::int("flags")],
        "changes the bindings, and answers: 1 inserted, 2 updated, 3 deleted, 4 listed, -1 refused, -2 too many; flags 1 not durable, 2 no answer, 4 one binding",
        |run, args| save(run, args.int(1)),
    ),
    f(
        "save_uri",
        &[
            Parameter::text("table"),
            Parameter::int("flags"),
            Parameter::text("uri"),
        ],
        "the same for the address of record in the URI, which must be that of To; else -1",
        |run, args| {
            if !is_to(run, args.text(2)) {
                run.log(
                    LogLevel::Error,
                    b"save_uri: bindings of another address of record than To are not changed",
                );
                return Ret::Int(-1);
            }
            save(run, args.int(1))
        },
    ),
    f(
        "lookup",
        TABLE,
        "takes the contacts of the user in the Request-URI as targets: 1; -1 none, -2 none allows the method, -3 no user",
        |run, _| Ret::Int(lookup_code(run.context.lookup_bindings(None))),
    ),
    f(
        "lookup_uri",
        TABLE_URI,
        "the same for the user in the URI",
        |run, args| Ret::Int(lookup_code(run.context.lookup_bindings(Some(args.text(1))))),
    ),
    f(
        "lookup_to_dset",
        TABLE_URI,
        "adds the contacts of the user in the URI as further targets",
        |run, args| lookup_to_branches(run, args.text(1)),
    ),
    f(
        "lookup_branches",
        TABLE,
        "puts contacts in the place of the Request-URI and of each further target that names a user with some",
        |run, _| lookup_branches(run),
    ),
    f(
        "registered",
        TABLE,
        "the user in the Request-URI has a live binding",
        |run, _| super::yes_no(run.context.is_registered(run.context.request_uri())),
    ),
    f(
        "registered_uri",
        TABLE_URI,
        "the user in the URI has a live binding",
        |run, args| super::yes_no(run.context.is_registered(args.text(1))),
    ),
    f(
        "registered_flags",
        &[
            Parameter::text("table"),
            Parameter::text("uri"),
            Parameter::int("flags"),
        ],
        "the same; flags are without effect",
        |run, args| super::yes_no(run.context.is_registered(args.text(1))),
    ),
    f(
        "registered_action",
        &[
            Parameter::text("table"),
            Parameter::text("uri"),
            Parameter::int("flags"),
            Parameter::int("action"),
        ],
        "the same; flags and action are without effect",
        |run, args| super::yes_no(run.context.is_registered(args.text(1))),
    ),
    f(
        "add_sock_hdr",
        &[Parameter::text("name")],
        "adds a header field with the socket that received the request, `udp:192.0.2.1:5060`",
        |run, args| super::yes_no(add_socket(run, args.text(0))),
    ),
    f(
        "reg_free_contacts",
        &[Parameter::text("profile")],
        "forgets contacts that were fetched: there are none",
        |_, _| Ret::Int(1),
    ),
    engineless(
        "reg_fetch_contacts",
        &[
            Parameter::text("table"),
            Parameter::text("uri"),
            Parameter::text("profile"),
        ],
        "shows the contacts of a user as $ulc",
    ),
    engineless(
        "reg_send_reply",
        &[],
        "sends the answer that save held back",
    ),
    engineless(
        "set_q_override",
        &[Parameter::text("q")],
        "another preference for the contacts that are saved",
    ),
    engineless(
        "unregister_ruid",
        &[
            Parameter::text("table"),
            Parameter::text("uri"),
            Parameter::text("ruid"),
        ],
        "removes one binding",
    ),
    f(
        "unregister",
        TABLE_URI,
        "removes all bindings of the user in the URI; 1 too if there were none, -1 if another shard has to do it (a REGISTER of the user is always in the right one)",
        |run, args| super::yes_no(run.context.remove_bindings(args.text(1))),
    ),
];

const fn engineless(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
) -> Row<KemiRun> {
    f(name, parameters, doc, |run, _| {
        super::without_engine(run, "registrar", "single bindings are not at hand")
    })
    .of_class(Class::WithoutEngine)
}

fn add_socket(run: &mut KemiRun, name: &[u8]) -> bool {
    let source = run.context.source();
    let value = format!("{}:{}", source.transport.as_param(), source.received_on);
    let is_name = !name.is_empty()
        && name
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(octet));
    if is_name {
        run.context.edit(&mut |message, draft| {
            draft.edits.append(message, name, value.as_bytes());
        });
    }
    is_name
}

fn save(run: &mut KemiRun, flags: i64) -> Ret {
    let options = SaveOptions {
        memory_only: flags & 1 != 0,
        no_reply: flags & 2 != 0,
        one_binding: flags & 4 != 0,
    };
    let outcome = run.context.save_bindings(options);
    if matches!(
        outcome,
        SaveOutcome::TooMany | SaveOutcome::Refused | SaveOutcome::Failed
    ) {
        run.last_error = InternalError::UNSPECIFIED;
    }
    Ret::Int(match outcome {
        SaveOutcome::Inserted | SaveOutcome::Pending => 1,
        SaveOutcome::Updated => 2,
        SaveOutcome::Deleted => 3,
        SaveOutcome::Listed => 4,
        SaveOutcome::TooMany => -2,
        SaveOutcome::Refused | SaveOutcome::Failed => -1,
    })
}

/// True if the URI names the same user and host as To.
fn is_to(run: &KemiRun, uri: &[u8]) -> bool {
    let record = |uri: &[u8]| {
        let mut out = Vec::new();
        Uri::parse(uri)
            .ok()
            .map(|uri| uri.write_address_of_record(&mut out))
            .map(|()| out)
    };
    let wanted = record(uri);
    wanted.is_some() && wanted == record(run.context.request().to().uri)
}

const fn lookup_code(outcome: LookupOutcome) -> i64 {
    match outcome {
        LookupOutcome::Found(_) => 1,
        LookupOutcome::None => -1,
        LookupOutcome::MethodNotAllowed => -2,
        LookupOutcome::Failed => -3,
    }
}

/// The targets that a look-up finds, taken out of the draft.
fn found(run: &mut KemiRun, uri: Option<&[u8]>) -> Result<Vec<DraftTarget>, i64> {
    match run.context.lookup_bindings(uri) {
        LookupOutcome::Found(_) => {
            let draft = run.context.draft_mut();
            let mut targets = core::mem::take(&mut draft.branches);
            targets.insert(0, core::mem::take(&mut draft.target));
            Ok(targets)
        }
        outcome => Err(lookup_code(outcome)),
    }
}

fn lookup_to_branches(run: &mut KemiRun, uri: &[u8]) -> Ret {
    let draft = run.context.draft_mut();
    let (target, branches) = (draft.target.clone(), core::mem::take(&mut draft.branches));
    let found = found(run, Some(uri));
    let draft = run.context.draft_mut();
    draft.target = target;
    draft.branches = branches;
    match found {
        Ok(targets) => super::yes_no(targets.into_iter().all(|one| draft.add_branch(one))),
        Err(code) => Ret::Int(code),
    }
}

fn lookup_branches(run: &mut KemiRun) -> Ret {
    let draft = run.context.draft_mut();
    let first = draft.target.clone();
    let others = core::mem::take(&mut draft.branches);
    let mut any = false;
    let mut targets = match found(run, None) {
        Ok(targets) => {
            any = true;
            targets
        }
        Err(_) => vec![first],
    };
    for other in others {
        // The flags of the first are not those of the others.
        run.context.draft_mut().target = DraftTarget::default();
        match found(run, Some(&other.uri)) {
            Ok(more) => {
                any = true;
                targets.extend(more);
            }
            Err(_) => targets.push(other),
        }
    }
    let mut targets = targets.into_iter();
    let draft = run.context.draft_mut();
    draft.target = targets.next().unwrap_or_default();
    draft.branches.clear();
    for target in targets {
        draft.add_branch(target);
    }
    super::yes_no(any)
}

#[cfg(test)]
mod tests;
