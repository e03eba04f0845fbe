//! The names of pseudo-variables, each with what it stands for.

use strowger_sip::HeaderName;

use super::item::{
    BranchPart as B, ClockPart, Credential as C, FieldPart as F, HeaderPart, MessagePart as M, Pv,
    SocketOf, SocketPart as S, TransactionPart as T, Unset, UriOf, UriPart,
};
use super::source::{Family, Flags, LocalTag, Named, Stored, TableItem};

/// What a name takes in parentheses.
#[derive(Clone, Debug)]
pub(crate) enum Taking {
    /// Nothing.
    Plain(Pv),
    /// A text.
    Text(fn(super::format::PvFormat) -> Pv),
    /// One of a few words.
    Word(fn(&[u8]) -> Option<Pv>),
    /// Another pseudo-variable.
    Inner(Stored),
    /// `name=>key`.
    Cell(TableItem),
    /// `root[i]=>field[j]`.
    Xavp(Family),
    /// How many values another one has.
    Count,
    /// A path into the message.
    Select,
    /// It belongs to a module that is not there.
    Module(&'static str),
}

use Taking::{Cell, Module, Plain, Text, Word, Xavp};

const fn uri(of: UriOf, part: UriPart) -> Taking {
    Plain(Pv::Uri(of, part))
}

const fn message(part: M) -> Taking {
    Plain(Pv::Message(part))
}

const fn socket(of: SocketOf, part: S) -> Taking {
    Plain(Pv::Socket(of, part))
}

const fn header(name: HeaderName, part: UriPart) -> Taking {
    Plain(Pv::Uri(UriOf::Header(name), part))
}

/// What a name stands for; `None` if there is no such pseudo-variable.
pub(crate) fn taking(name: &str) -> Option<Taking> {
    addresses(name)
        .or_else(|| messages(name))
        .or_else(|| flows(name))
        .or_else(|| stores(name))
        .or_else(|| elsewhere(name))
}

fn addresses(name: &str) -> Option<Taking> {
    use UriOf::{Destination, From, Original, Request, To};
    use UriPart::{Host, Port, Scheme, Transport, User, Whole};
    Some(match name {
        "ru" | "ruri" => uri(Request, Whole),
        "rU" => uri(Request, User),
        "rd" => uri(Request, Host),
        "rp" => uri(Request, Port),
        "rP" => uri(Request, Transport),
        "rz" => uri(Request, Scheme),
        "ou" => uri(Original, Whole),
        "oU" => uri(Original, User),
        "od" => uri(Original, Host),
        "op" => uri(Original, Port),
        "oP" => uri(Original, Transport),
        "du" => uri(Destination, Whole),
        "dd" => uri(Destination, Host),
        "dp" => uri(Destination, Port),
        "dP" => uri(Destination, Transport),
        "nh" => Word(|word| {
            let part = match word {
                b"u" => Whole,
                b"U" => User,
                b"d" => Host,
                b"p" => Port,
                b"P" => Transport,
                _ => return None,
            };
            Some(Pv::Uri(UriOf::NextHop, part))
        }),
        "fu" => uri(From, Whole),
        "fU" => uri(From, User),
        "fd" => uri(From, Host),
        "fn" => Plain(Pv::Field(From, F::DisplayName)),
        "ft" => Plain(Pv::Field(From, F::Param("tag"))),
        "tu" => uri(To, Whole),
        "tU" => uri(To, User),
        "td" => uri(To, Host),
        "tn" => Plain(Pv::Field(To, F::DisplayName)),
        "tt" => Plain(Pv::Field(To, F::Param("tag"))),
        "ai" => header(HeaderName::PAssertedIdentity, Whole),
        "pu" => header(HeaderName::PPreferredIdentity, Whole),
        "pU" => header(HeaderName::PPreferredIdentity, User),
        "pd" => header(HeaderName::PPreferredIdentity, Host),
        "pn" => Plain(Pv::Field(
            UriOf::Header(HeaderName::PPreferredIdentity),
            F::DisplayName,
        )),
        "di" => header(HeaderName::Diversion, Whole),
        "dir" => Plain(Pv::Field(
            UriOf::Header(HeaderName::Diversion),
            F::Param("reason"),
        )),
        "dip" => Plain(Pv::Field(
            UriOf::Header(HeaderName::Diversion),
            F::Param("privacy"),
        )),
        "re" => header(HeaderName::RemotePartyId, Whole),
        "rt" => header(HeaderName::ReferTo, Whole),
        "Au" => Plain(Pv::FromAddressOfRecord),
        "au" => Plain(Pv::Credential(C::User)),
        "ad" => Plain(Pv::Credential(C::Domain)),
        "aU" => Plain(Pv::Credential(C::Whole)),
        "ar" => Plain(Pv::Credential(C::Field("realm"))),
        "aa" => Plain(Pv::Credential(C::Field("algorithm"))),
        "adu" => Plain(Pv::Credential(C::Field("uri"))),
        "ct" => Plain(Pv::NamedHeader(HeaderName::Contact)),
        "ctu" => Plain(Pv::ContactUri),
        "cts" => Plain(Pv::ContactIsStar),
        _ => return None,
    })
}

fn messages(name: &str) -> Option<Taking> {
    Some(match name {
        "ci" => message(M::CallId),
        "cs" => message(M::CSeqNumber),
        "csb" => message(M::CSeqBody),
        "rm" => message(M::Method),
        "rmid" => message(M::MethodId),
        "rs" => message(M::Status),
        "rr" => message(M::Reason),
        "rv" => message(M::Version),
        "rb" => message(M::Body),
        "bs" => message(M::BodySize),
        "cl" => message(M::ContentLength),
        "ml" => message(M::Length),
        "mb" => message(M::Buffer),
        "mt" => message(M::Kind),
        "mi" => message(M::Id),
        "msg" => Word(|word| {
            Some(Pv::Message(match word {
                b"len" => M::Length,
                b"buf" => M::Buffer,
                b"body" => M::Body,
                b"body_len" => M::BodySize,
                b"hdrs" => M::HeaderSection,
                b"lpart" => M::AfterFirstLine,
                _ => return None,
            }))
        }),
        "cT" => Plain(Pv::NamedHeader(HeaderName::ContentType)),
        "ua" => Plain(Pv::NamedHeader(HeaderName::UserAgent)),
        "hdr" => Text(|name| Pv::Header(name, HeaderPart::Body)),
        "hdrc" => Text(|name| Pv::Header(name, HeaderPart::Count)),
        "hfl" => Text(|name| Pv::Header(name, HeaderPart::Item)),
        "hflc" => Text(|name| Pv::Header(name, HeaderPart::ItemCount)),
        "via0" => Word(|word| via(0, word)),
        "via1" => Word(|word| via(1, word)),
        "mf" => Plain(Pv::Flags(Flags::Message, false)),
        "mF" => Plain(Pv::Flags(Flags::Message, true)),
        "bf" => Plain(Pv::Flags(Flags::Branch, false)),
        "bF" => Plain(Pv::Flags(Flags::Branch, true)),
        "sf" => Plain(Pv::Flags(Flags::Script, false)),
        "sF" => Plain(Pv::Flags(Flags::Script, true)),
        _ => return None,
    })
}

fn via(place: usize, word: &[u8]) -> Option<Pv> {
    const PARTS: &[&str] = &["host", "port", "proto", "branch", "rport", "received"];
    let part = PARTS.iter().find(|part| part.as_bytes() == word)?;
    Some(Pv::Via(place, part))
}

fn flows(name: &str) -> Option<Taking> {
    use SocketOf::{Advertised, Received, Source};
    Some(match name {
        "si" => socket(Source, S::Ip),
        "sp" => socket(Source, S::Port),
        "su" => socket(Source, S::Uri),
        "sut" => socket(Source, S::UriTransport),
        "sas" => socket(Source, S::Socket),
        "Ri" => socket(Received, S::Ip),
        "Rp" => socket(Received, S::Port),
        "Ru" => socket(Received, S::Uri),
        "Rut" => socket(Received, S::UriTransport),
        "Rn" => socket(Received, S::Name),
        "RAi" => socket(Advertised, S::Ip),
        "RAp" => socket(Advertised, S::Port),
        "RAu" => socket(Advertised, S::Uri),
        "RAut" => socket(Advertised, S::UriTransport),
        "pr" | "proto" => Plain(Pv::Transport),
        "prid" => Plain(Pv::TransportId),
        "conid" => Plain(Pv::Connection),
        "fs" => Plain(Pv::SendSocket),
        "fsn" => Plain(Pv::SendSocketName),
        "br" => Plain(Pv::Branch(B::Uri)),
        "ds" => Plain(Pv::DestinationSet),
        "branch" => Word(|word| {
            Some(Pv::Branch(match word {
                b"uri" => B::Uri,
                b"dst_uri" => B::Destination,
                b"path" => B::Path,
                b"Q" | b"q" => B::Q,
                b"flags" => B::Flags,
                b"send_socket" => B::Socket,
                b"count" => B::Count,
                _ => return None,
            }))
        }),
        "T_reply_code" => Plain(Pv::Transaction(T::ReplyCode)),
        "T_reply_reason" => Plain(Pv::Transaction(T::ReplyReason)),
        "T_reply_ruid" => Plain(Pv::Transaction(T::ReplyRuid)),
        "T_branch_idx" => Plain(Pv::Transaction(T::BranchIndex)),
        "T" => Word(|word| {
            Some(Pv::Transaction(match word {
                b"id_index" => T::IdIndex,
                b"id_label" => T::IdLabel,
                b"reply_code" => T::ReplyCode,
                b"reply_reason" => T::ReplyReason,
                b"branch_index" => T::BranchIndex,
                _ => return None,
            }))
        }),
        "T_req" => Taking::Inner(Stored::Request),
        "T_rpl" => Taking::Inner(Stored::Reply),
        "T_inv" => Taking::Inner(Stored::Invite),
        _ => return None,
    })
}

fn stores(name: &str) -> Option<Taking> {
    Some(match name {
        "var" | "vz" => Text(|name| Pv::Variable(name, Unset::Zero)),
        "vn" => Text(|name| Pv::Variable(name, Unset::Null)),
        "avp" => Text(Pv::Avp),
        "xavp" => Xavp(Family::Many),
        "xavu" => Xavp(Family::Single),
        "xavi" => Xavp(Family::AnyCase),
        "shv" => Text(Pv::Shared),
        "sht" => Cell(TableItem::Value),
        "shtex" => Cell(TableItem::Expires),
        "shtinc" => Cell(TableItem::Increment),
        "shtdec" => Cell(TableItem::Decrement),
        "shtcn" => Cell(TableItem::Count),
        "shtcv" => Cell(TableItem::CountValues),
        "shtitkey" => Text(|name| Pv::Named(Named::IteratorKey, name)),
        "shtitval" => Text(|name| Pv::Named(Named::IteratorValue, name)),
        "dlg_var" => Text(Pv::DialogVariable),
        "cnt" => Taking::Count,
        "def" => Text(|name| Pv::Named(Named::Definition, name)),
        "env" => Text(|name| Pv::Named(Named::Environment, name)),
        "ccp" => Text(|name| Pv::Named(Named::CustomVariable, name)),
        "stat" => Text(|name| Pv::Named(Named::Statistic, name)),
        "_s" => Text(Pv::Format),
        _ => return None,
    })
}

fn elsewhere(name: &str) -> Option<Taking> {
    Some(match name {
        "null" => Plain(Pv::Null),
        "rc" | "retcode" => Plain(Pv::ReturnCode),
        "TS" | "Ts" => Plain(Pv::Clock(ClockPart::Seconds)),
        "Tf" => Plain(Pv::Clock(ClockPart::Text)),
        "TV" => Word(|word| {
            Some(Pv::Clock(match word {
                b"s" | b"sn" => ClockPart::Seconds,
                b"u" | b"un" => ClockPart::Microseconds,
                b"Sn" => ClockPart::Both,
                _ => return None,
            }))
        }),
        "timef" | "utimef" => Text(|format| Pv::Clock(ClockPart::Format(format))),
        "time" | "utime" => Word(|word| {
            const FIELDS: &[&str] = &[
                "sec", "min", "hour", "mday", "mon", "year", "wday", "yday", "isdst",
            ];
            let field = FIELDS.iter().find(|field| field.as_bytes() == word)?;
            Some(Pv::Clock(ClockPart::Field(field)))
        }),
        "ltt" => Word(|word| {
            Some(Pv::LocalTag(match word {
                b"s" => LocalTag::Stateless,
                b"t" => LocalTag::Transaction,
                b"x" => LocalTag::Either,
                _ => return None,
            }))
        }),
        "version" => Word(|word| match word {
            b"num" => Some(Pv::Server(false)),
            b"full" => Some(Pv::Server(true)),
            _ => None,
        }),
        "pp" => Plain(Pv::ProcessId),
        "sid" => Plain(Pv::ServerId),
        "sel" => Taking::Select,
        "RANDOM" => Plain(Pv::Random),
        "dlg" | "dlg_ctx" => Module("dialog"),
        "dsv" | "dsg" => Module("dispatcher"),
        "rdir" => Module("rr"),
        "sbranch" | "rpl" | "rcv" | "sndto" | "snd" => Module("pv"),
        "http_req" | "http_rs" | "http_rb" | "http_ok" | "http_err" => Module("http_async_client"),
        "uac_req" => Module("uac"),
        "sdp" => Module("sdpops"),
        "rtpstat" => Module("rtpengine"),
        "tls" => Module("tls"),
        "redis" => Module("ndb_redis"),
        "dbr" => Module("sqlops"),
        "jsonrpl" => Module("jsonrpcs"),
        _ => return None,
    })
}

/// Every name, for the coverage page.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    const NAMES: &str = "ru ruri rU rd rp rP rz ou oU od op oP du dd dp dP br branch ds nh fu fU fd fn ft tu tU \
         td tn tt ci cs csb rm rmid rs rr rv ct ctu cts ua rb bs cT cl si sp su sas sut Ri Rp Rn \
         Ru Rut RAi RAp RAu RAut pr proto prid fs fsn conid ml mb mt mi msg hdr hdrc hfl hflc \
         via0 via1 mf mF bf bF sf sF var vn vz avp xavp xavu xavi shv sht shtex shtinc shtdec \
         shtcn shtcv shtitkey shtitval cnt T_reply_code T_reply_reason T_reply_ruid T_branch_idx T_req T_rpl T_inv T au \
         ad aU ar aa adu Au ai pu pU pd pn di dir dip re rt rc retcode TS Ts TV Tf timef utimef \
         time utime ltt stat version pp sid def env ccp null _s sel RANDOM dlg dlg_ctx dlg_var dsv dsg \
         rdir sbranch rpl rcv snd sndto http_req http_rs http_rb http_ok http_err uac_req sdp \
         rtpstat tls redis dbr jsonrpl";
    NAMES.split_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_known() {
        for name in names() {
            assert!(taking(name).is_some(), "{name}");
        }
    }
}
