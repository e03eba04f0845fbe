//! `tm`: contacts one after the other, in the order of their preference.

use strowger_lua::{Args, Ret, Returns, Row};
use strowger_routing::DraftTarget;

use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;

const fn f(
    name: &'static str,
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("tm", name, &[], Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "t_load_contacts",
        "puts the targets aside, grouped by q, for t_next_contacts; -1 without the parameter contacts_avp",
        |run, _| load(run),
    ),
    f(
        "t_next_contacts",
        "takes the group of the highest q as targets; -2 if none is left",
        |run, _| next(run),
    ),
    f(
        "t_next_contact_flow",
        "another flow of the contact that failed: there is never one",
        |_, _| Ret::Int(-2),
    ),
];

/// Kamailio keeps them in values that a parameter must name, else the functions fail; here the name means nothing more.
fn is_enabled(run: &KemiRun) -> bool {
    let named = run.shard.door.text("tm", "contacts_avp");
    let enabled = named.is_some_and(|name| !name.is_empty());
    if !enabled {
        run.log(
            LogLevel::Error,
            b"serial forking needs the parameter contacts_avp of tm",
        );
    }
    enabled
}

fn load(run: &mut KemiRun) -> Ret {
    if !is_enabled(run) {
        return Ret::Int(-1);
    }
    let uri: Box<[u8]> = run.context.request_uri().into();
    let draft = run.context.draft_mut();
    if draft.branches.is_empty() {
        return Ret::Int(1);
    }
    let mut targets = core::mem::take(&mut draft.branches);
    targets.insert(
        0,
        DraftTarget {
            uri,
            ..draft.target.clone()
        },
    );
    // The highest last, since groups are taken from the end; a target without q comes after all others.
    targets.sort_by_key(|target| target.q.map_or(0, |q| u32::from(q) + 1));
    let mut groups: Vec<Vec<DraftTarget>> = Vec::new();
    for target in targets {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|other| other.q == target.q) => {
                group.push(target);
            }
            _ => groups.push(vec![target]),
        }
    }
    run.kept().contacts = groups;
    Ret::Int(1)
}

fn next(run: &mut KemiRun) -> Ret {
    if !is_enabled(run) {
        return Ret::Int(-1);
    }
    let mut group = run.kept().contacts.pop().unwrap_or_default().into_iter();
    let Some(first) = group.next() else {
        return Ret::Int(-2);
    };
    let draft = run.context.draft_mut();
    draft.target = first;
    draft.branches = group.collect();
    Ret::Int(1)
}
