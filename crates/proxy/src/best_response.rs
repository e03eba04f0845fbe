//! Choosing the best final response (RFC 3261 §16.7 steps 6 and 7).
//!
//! Order: 6xx; then the lowest class; within 4xx first those that tell how to ask again (401, 407, 415, 420, 484), then
//! by number. A 503 ranks last and leaves as 500. What nobody sent (a time-out, a dead flow) ranks after what others did
//! send.

use std::sync::Arc;

use strowger_sip::{HeaderName, Message, StatusCode};

use crate::branch::BranchId;

/// The best final response so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct BestResponse {
    best: Option<Entry>,
    /// Challenge lines of 401 and 407 responses that are not the best.
    challenges: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Entry {
    branch: BranchId,
    status: StatusCode,
    rank: u32,
    /// `None` where we made the status up ourselves.
    response: Option<Arc<Message>>,
}

/// The outcome.
#[derive(Debug)]
pub(crate) enum Choice {
    /// A response of a branch, with challenge lines to add.
    Received(BranchId, Arc<Message>, Vec<u8>),
    /// A status of our own.
    Own(StatusCode),
    /// Only time-outs, or nothing at all.
    TimedOut,
}

impl BestResponse {
    /// A final response other than 2xx. After a CANCEL a 487 is what the caller waits for.
    pub(crate) fn offer(
        &mut self,
        branch: BranchId,
        status: StatusCode,
        response: Arc<Message>,
        cancelled: bool,
    ) {
        let rank = rank(status, true, cancelled);
        if self.best.as_ref().is_some_and(|best| best.rank <= rank) {
            self.keep_challenges(status, &response);
            return;
        }
        let entry = Entry {
            branch,
            status,
            rank,
            response: Some(response),
        };
        if let Some(Entry {
            status,
            response: Some(beaten),
            ..
        }) = self.best.replace(entry)
        {
            self.keep_challenges(status, &beaten);
        }
    }

    /// A branch ended with a status that nobody sent.
    pub(crate) fn offer_own(&mut self, branch: BranchId, status: StatusCode) {
        let rank = rank(status, false, false);
        if self.best.as_ref().is_none_or(|best| rank < best.rank) {
            let beaten = self.best.replace(Entry {
                branch,
                status,
                rank,
                response: None,
            });
            if let Some(Entry {
                status,
                response: Some(response),
                ..
            }) = beaten
            {
                self.keep_challenges(status, &response);
            }
        }
    }

    /// The status of the best so far, and whether somebody sent it.
    pub(crate) fn status(&self) -> Option<(StatusCode, bool)> {
        self.best
            .as_ref()
            .map(|best| (best.status, best.response.is_some()))
    }

    /// The best so far.
    pub(crate) fn peek(&self) -> Option<(StatusCode, Option<&Message>)> {
        let best = self.best.as_ref()?;
        Some((best.status, best.response.as_deref()))
    }

    /// Takes the choice; nothing is left.
    pub(crate) fn choose(&mut self) -> Choice {
        let challenges = core::mem::take(&mut self.challenges);
        match self.best.take() {
            None => Choice::TimedOut,
            Some(best) if best.status == StatusCode::SERVICE_UNAVAILABLE => {
                Choice::Own(StatusCode::SERVER_INTERNAL_ERROR)
            }
            Some(Entry {
                response: Some(response),
                status,
                branch,
                ..
            }) => Choice::Received(
                branch,
                response,
                if is_challenge(status) {
                    challenges
                } else {
                    Vec::new()
                },
            ),
            Some(best) if best.status == StatusCode::REQUEST_TIMEOUT => Choice::TimedOut,
            Some(best) => Choice::Own(best.status),
        }
    }

    fn keep_challenges(&mut self, status: StatusCode, response: &Message) {
        if !is_challenge(status) {
            return;
        }
        for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
            for header in response.headers_named(name) {
                self.challenges
                    .extend_from_slice(response.as_bytes().get(header.line).unwrap_or_default());
            }
        }
    }
}

fn is_challenge(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED || status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
}

/// Lower is better.
fn rank(status: StatusCode, received: bool, cancelled: bool) -> u32 {
    let code = u32::from(status.get());
    match status.get() {
        503 => 90_000,
        408 if !received => 80_999,
        _ if !received => 80_000 + code,
        487 if cancelled => 40_000,
        401 | 407 | 415 | 420 | 484 => 41_000 + code,
        400..=499 => 42_000 + code,
        500..=599 => 50_000 + code,
        600..=699 => 10_000 + code,
        _ => 30_000 + code,
    }
}
