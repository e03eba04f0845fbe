//! What scripts keep with a request as long as its transaction lives.

use strowger_routing::RoutingContext;
use strowger_sip::StatusCode;

use crate::pv::{Avps, Xavps};

/// The values.
#[derive(Debug, Default)]
pub struct Kept {
    /// `$avp`.
    pub avps: Avps,
    /// `$xavp`, `$xavu`, `$xavi`.
    pub xavps: Xavps,
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
