//! What scripts keep with a request as long as its transaction lives.

use std::collections::BTreeMap;

use strowger_routing::{DraftTarget, HookName, RoutingContext, SqlRows};
use strowger_sip::StatusCode;

use super::rows::PendingDialog;
use crate::pv::{Avps, Xavps};

/// The values.
#[derive(Debug, Default)]
pub struct Kept {
    /// `$avp`.
    pub avps: Avps,
    /// `$xavp`, `$xavu`, `$xavi`.
    pub xavps: Xavps,
    /// Targets that serial forking put aside, in groups of equal preference, the next last.
    pub contacts: Vec<Vec<DraftTarget>>,
    /// The credentials that were checked had a nonce that is too old: a challenge says so.
    pub stale_nonce: bool,
    /// From and To were replaced.
    pub addresses_replaced: (bool, bool),
    /// Where the answer that the run waits for goes: a pseudo-variable, or the name of a result.
    pub awaited: Vec<u8>,
    /// Where a suspended request goes on once its time is over.
    pub continuation: Option<(u32, u32, HookName)>,
    /// What is set of a dialog that has not begun.
    pub dialog: PendingDialog,
    /// The request is the BYE that ended the dialog.
    pub dialog_ended: bool,
    /// Rows of databases by the name of their result.
    pub results: BTreeMap<Vec<u8>, SqlRows>,
    /// The destinations that the dispatcher chose and that were not tried yet, the next last.
    pub destinations: Vec<(Vec<u8>, u64)>,
    /// Further flags (`corex.setxflag`).
    pub xflags: u64,
    /// The refusal that `sanity_reply` is to send: status, reason, header lines.
    pub refusal: Option<(StatusCode, &'static str, Vec<u8>)>,
}

impl Kept {
    /// Those of the request, made when first asked for.
    pub fn of(context: &mut dyn RoutingContext) -> &mut Kept {
        let attachment = context.attachment();
        if !attachment.as_ref().is_some_and(|kept| kept.is::<Kept>()) {
            *attachment = Some(Box::<Kept>::default());
        }
        match attachment.as_mut().and_then(|kept| kept.downcast_mut()) {
            Some(kept) => kept,
            None => unreachable!("it was made above"),
        }
    }

    /// Those of the request, if there are any.
    pub fn get(context: &dyn RoutingContext) -> Option<&Kept> {
        context.attachment_ref()?.downcast_ref()
    }
}
