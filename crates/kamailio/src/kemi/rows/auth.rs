//! `auth` and `auth_db`: digest authentication. Codes: 1 good, -1 error, -2 password, -3 user, -4 stale nonce, -5 no
//! credentials, -6 nonce used before, -8 another user than From or To claims.

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_routing::{ChallengeOptions, DigestOutcome, Password, ReplyOutcome};
use strowger_sip::{Credentials, HeaderName, StatusCode};

use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;

const REALM_FLAGS: &[Parameter] = &[Parameter::text("realm"), Parameter::int("flags")];
const REALM_TABLE: &[Parameter] = &[Parameter::text("realm"), Parameter::text("table")];
const REALM_PASSWORD: &[Parameter] = &[
    Parameter::text("realm"),
    Parameter::text("password"),
    Parameter::int("flags"),
];

/// Challenge without qop.
const NO_QOP: i64 = 2;
/// Challenge with `qop=auth`.
const QOP_AUTH: i64 = 4;
/// Challenge with `qop=auth-int`; `auth` is offered instead.
const QOP_AUTH_INT: i64 = 8;
/// Challenge with `stale=true`.
const STALE: i64 = 16;

const fn f(
    module: &'static str,
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new(module, name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "auth",
        "auth_challenge",
        REALM_FLAGS,
        "answers with a challenge: 401 to REGISTER, else 407; flags 2 no qop, 4 and 8 qop=auth, 16 stale",
        |run, args| challenge(run, args.text(0), args.int(1), None),
    ),
    f(
        "auth",
        "auth_challenge_hftype",
        &[
            Parameter::text("realm"),
            Parameter::int("flags"),
            Parameter::int("hftype"),
        ],
        "the same; hftype 1: 401, 2: 407",
        |run, args| match args.int(2) {
            1 => challenge(
                run,
                args.text(0),
                args.int(1),
                Some(StatusCode::UNAUTHORIZED),
            ),
            2 => challenge(
                run,
                args.text(0),
                args.int(1),
                Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED),
            ),
            _ => challenge(run, args.text(0), args.int(1), None),
        },
    ),
    f(
        "auth",
        "www_challenge",
        REALM_FLAGS,
        "answers 401 with a challenge",
        |run, args| {
            let status = Some(StatusCode::UNAUTHORIZED);
            challenge(run, args.text(0), args.int(1), status)
        },
    ),
    f(
        "auth",
        "proxy_challenge",
        REALM_FLAGS,
        "answers 407 with a challenge",
        |run, args| {
            let status = Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED);
            challenge(run, args.text(0), args.int(1), status)
        },
    ),
    f(
        "auth",
        "consume_credentials",
        &[],
        "removes the credentials that were checked",
        |run, _| consume(run),
    ),
    f(
        "auth",
        "has_credentials",
        &[Parameter::text("realm")],
        "there are credentials for the realm",
        |run, args| super::yes_no(has_credentials(run, args.text(0))),
    ),
    f(
        "auth",
        "pv_auth_check",
        &[
            Parameter::text("realm"),
            Parameter::text("password"),
            Parameter::int("flags"),
            Parameter::int("checks"),
        ],
        "checks the credentials with this password; flag 1: it is HA1; check 1: the user is that of From and To",
        |run, args| {
            let password = password(args.text(1), args.int(2));
            verify(run, args.text(0), password, args.int(3) & 1 != 0)
        },
    ),
    f(
        "auth",
        "pv_www_authenticate",
        REALM_PASSWORD,
        "the same without a look at the user",
        |run, args| {
            let password = password(args.text(1), args.int(2));
            verify(run, args.text(0), password, false)
        },
    ),
    f(
        "auth",
        "pv_proxy_authenticate",
        REALM_PASSWORD,
        "the same",
        |run, args| {
            let password = password(args.text(1), args.int(2));
            verify(run, args.text(0), password, false)
        },
    ),
    f(
        "auth_db",
        "auth_check",
        &[
            Parameter::text("realm"),
            Parameter::text("table"),
            Parameter::int("flags"),
        ],
        "checks the credentials with the account; flag 1: the user is that of From, and of To for REGISTER",
        |run, args| verify(run, args.text(0), Password::OfAccount, args.int(2) & 1 != 0),
    ),
    f(
        "auth_db",
        "www_authenticate",
        REALM_TABLE,
        "the same without a look at the user",
        |run, args| verify(run, args.text(0), Password::OfAccount, false),
    ),
    f(
        "auth_db",
        "proxy_authenticate",
        REALM_TABLE,
        "the same",
        |run, args| verify(run, args.text(0), Password::OfAccount, false),
    ),
    f(
        "auth_db",
        "is_subscriber",
        &[
            Parameter::text("uri"),
            Parameter::text("table"),
            Parameter::int("flags"),
        ],
        "the URI names an account; flags are without effect",
        |run, args| super::yes_no(run.context.has_account(args.text(0))),
    ),
];

fn challenge(run: &mut KemiRun, realm: &[u8], flags: i64, status: Option<StatusCode>) -> Ret {
    let by_default = || {
        let qop = run.shard.door.text("auth", "qop");
        qop.is_some_and(|qop| !qop.is_empty())
    };
    let qop = flags & (QOP_AUTH | QOP_AUTH_INT) != 0 || (flags & NO_QOP == 0 && by_default());
    // The nonce that was checked a moment ago and found too old makes the challenge stale by itself.
    let stale = flags & STALE != 0 || run.kept().stale_nonce;
    let options = ChallengeOptions { qop, stale, status };
    super::yes_no(run.context.challenge(realm, options) == ReplyOutcome::Sent)
}

const fn password(text: &[u8], flags: i64) -> Password<'_> {
    if flags & 1 != 0 {
        Password::Ha1(text)
    } else {
        Password::Plain(text)
    }
}

fn verify(run: &mut KemiRun, realm: &[u8], password: Password<'_>, identity: bool) -> Ret {
    if realm.is_empty() {
        run.log(LogLevel::Error, b"the realm is empty");
        return Ret::Int(-1);
    }
    let outcome = run.context.verify_digest(realm, password, identity);
    let stale = matches!(
        outcome,
        DigestOutcome::StaleNonce | DigestOutcome::NonceReused
    );
    if stale {
        run.kept().stale_nonce = true;
    }
    Ret::Int(match outcome {
        DigestOutcome::Passed => 1,
        DigestOutcome::Failed => -1,
        DigestOutcome::WrongPassword => -2,
        DigestOutcome::UnknownUser => -3,
        DigestOutcome::StaleNonce => -4,
        DigestOutcome::NoCredentials => -5,
        DigestOutcome::NonceReused => -6,
        DigestOutcome::NotTheClaimed => -8,
    })
}

fn consume(run: &mut KemiRun) -> Ret {
    let Some(index) = run.context.verified_credentials() else {
        run.log(
            LogLevel::Error,
            b"consume_credentials: none were found to be good",
        );
        return Ret::Int(-1);
    };
    let mut removed = false;
    run.context.edit(&mut |message, draft| {
        if let Some(header) = message.header_at(index) {
            draft.edits.remove(message, &header);
            removed = true;
        }
    });
    super::yes_no(removed)
}

fn has_credentials(run: &KemiRun, realm: &[u8]) -> bool {
    let message = run.context.message();
    [HeaderName::Authorization, HeaderName::ProxyAuthorization]
        .into_iter()
        .flat_map(|name| message.headers_named(name))
        .filter_map(|header| Credentials::parse(header.value).ok())
        .any(|credentials| credentials.is_digest() && *credentials.realm == *realm)
}

#[cfg(test)]
mod tests;
