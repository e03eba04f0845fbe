//! Digest authentication as programs ask for it.

use std::sync::Arc;

use strowger_registrar::{AuthKind, ChallengeCause, Judgement, Secret, owns_identity};
use strowger_routing::{Answer, ChallengeOptions, DigestOutcome, How, Password, ReplyOutcome};
use strowger_sip::{Message, Method, StatusCode, Uri};

use super::Run;

impl Run {
    pub(super) fn program_verify(
        &mut self,
        realm: &[u8],
        password: Password<'_>,
        check_identity: bool,
    ) -> DigestOutcome {
        let Some(request) = self.request.clone() else {
            return DigestOutcome::Failed;
        };
        let Ok(realm) = core::str::from_utf8(realm) else {
            return DigestOutcome::Failed;
        };
        let settings = Arc::clone(&self.core().settings);
        let domain_of = |uri: &Uri<'_>| settings.record_domain(&uri.host);
        let secret = match password {
            Password::OfAccount => Secret::Account,
            Password::Plain(password) => Secret::Password(password),
            Password::Ha1(ha1) => Secret::Ha1(ha1),
        };
        let verified = self
            .authenticator(kind_of(&request), realm, &|uri| domain_of(uri))
            .verify(&request, secret);
        self.credentials = verified.header;
        let outcome = match &verified.judgement {
            Judgement::Passed(user, account) => {
                let owned = match account {
                    Some(account) => owns_identity(account, &request, &domain_of),
                    None => claims(&request, user),
                };
                if check_identity && !owned {
                    DigestOutcome::NotTheClaimed
                } else {
                    DigestOutcome::Passed
                }
            }
            Judgement::Wrong => DigestOutcome::WrongPassword,
            Judgement::UnknownUser => DigestOutcome::UnknownUser,
            Judgement::Challenge(ChallengeCause::NoCredentials | ChallengeCause::NotOffered) => {
                DigestOutcome::NoCredentials
            }
            Judgement::Challenge(ChallengeCause::Stale) => DigestOutcome::StaleNonce,
            Judgement::Challenge(ChallengeCause::Replayed) => DigestOutcome::NonceReused,
            Judgement::Challenge(ChallengeCause::Wrong) => DigestOutcome::WrongPassword,
            Judgement::Malformed(_) => DigestOutcome::Failed,
        };
        if outcome == DigestOutcome::Passed {
            if let Judgement::Passed(user, _) = &verified.judgement {
                self.drafting().authenticated_user = Some(user.clone());
            }
            self.core_mut().counters.authenticated += 1;
        }
        self.core_mut()
            .auth_counters
            .count(&verified.judgement.into());
        outcome
    }

    pub(super) fn program_challenge(
        &mut self,
        realm: &[u8],
        options: ChallengeOptions,
    ) -> ReplyOutcome {
        let (Some(request), Ok(realm)) = (self.request.clone(), core::str::from_utf8(realm)) else {
            return ReplyOutcome::Failed;
        };
        let kind = match options.status {
            Some(StatusCode::UNAUTHORIZED) => AuthKind::Www,
            Some(_) => AuthKind::Proxy,
            None => kind_of(&request),
        };
        let status = match kind {
            AuthKind::Www => StatusCode::UNAUTHORIZED,
            AuthKind::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        };
        let mut lines = Vec::with_capacity(160);
        self.authenticator(kind, realm, &|_| None)
            .write_brief_challenge(options.qop, options.stale, &mut lines);
        self.core_mut().counters.challenges += 1;
        let answer = Answer {
            headers: &lines,
            ..Answer::new(How::Either, status, None)
        };
        self.program_answer(&answer)
    }
}

fn kind_of(request: &Message) -> AuthKind {
    if request.method() == Method::Register {
        AuthKind::Www
    } else {
        AuthKind::Proxy
    }
}

/// True if From, and To of a REGISTER, name this user.
fn claims(request: &Message, user: &[u8]) -> bool {
    let names = |uri: &[u8]| {
        Uri::parse(uri).is_ok_and(|uri| {
            uri.user.is_some_and(|named| {
                *strowger_sip::unescape(named) == *strowger_sip::unescape(user)
            })
        })
    };
    names(request.from().uri) && (request.method() != Method::Register || names(request.to().uri))
}
