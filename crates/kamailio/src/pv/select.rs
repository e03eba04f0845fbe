//! `$sel(@…)`: paths into a message, an older way to name what pseudo-variables name too. A path becomes the text of the
//! pseudo-variable that says the same.

use super::read_header::VIA_PARTS;
use super::spec::number;

/// One step of a path: `name`, `name[1]` or `["name"]`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Step<'t> {
    name: &'t str,
    index: Option<i64>,
}

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    /// The same as this pseudo-variable.
    Like(String),
    /// The same, but nothing for 0: a port that is not said.
    Port(String),
    /// A part of a Via, counted from 0, or back from -1, the last.
    Via(i64, &'static str),
    /// A parameter of a Via.
    ViaParam(i64, String),
}

/// Paths of fixed names.
const PLAIN: &[(&str, &str)] = &[
    ("method", "$rm"),
    ("call_id", "$ci"),
    ("cseq", "$csb"),
    ("cseq.num", "$cs"),
    ("cseq.method", "$rm"),
    ("ruri.hostport", "$_s($rd:$rp)"),
    ("ruri.rn_user", "$rU"),
    ("received.ip", "$Ri"),
    ("received.port", "$Rp"),
    ("received.proto", "$proto"),
    ("received.proto_ip_port", "$_s($proto:$Ri:$Rp)"),
    ("src.ip", "$si"),
    ("src.port", "$sp"),
    ("src.ip_port", "$_s($si:$sp)"),
    ("dst.ip", "$Ri"),
    ("dst.port", "$Rp"),
    ("dst.ip_port", "$_s($Ri:$Rp)"),
    ("msg.first_line", "$(mb{line.at,0})"),
    ("msg.len", "$ml"),
    ("msg.type", "$mt"),
    ("msg.body", "$rb"),
    ("msg", "$mb"),
    ("sys.pid", "$pp"),
    ("sys.server_id", "$sid"),
    ("sys.now", "$TS"),
];

/// Where a path to a URI begins.
const URIS: &[(&str, &str)] = &[
    ("ruri", "$(ru"),
    ("next_hop", "$(nh(u)"),
    ("from.uri", "$(fu"),
    ("f.uri", "$(fu"),
    ("to.uri", "$(tu"),
    ("t.uri", "$(tu"),
    ("contact.uri", "$(ct{nameaddr.uri}"),
    ("m.uri", "$(ct{nameaddr.uri}"),
    ("refer_to.uri", "$(hdr(Refer-To){nameaddr.uri}"),
    ("rpid.uri", "$(hdr(Remote-Party-ID){nameaddr.uri}"),
    (
        "remote_party_id.uri",
        "$(hdr(Remote-Party-ID){nameaddr.uri}",
    ),
];

/// Parts of a URI, with their transformations.
const URI_PARTS: &[(&str, &str)] = &[
    ("user", "{uri.user}"),
    ("pwd", "{uri.passwd}"),
    ("host", "{uri.host}"),
    ("port", "{uri.port}"),
    ("params", "{uri.params}"),
    ("type", "{uri.scheme}"),
];

/// Header fields that are addresses.
const ADDRESSES: &[(&str, &str)] = &[
    ("from", "From"),
    ("f", "From"),
    ("to", "To"),
    ("t", "To"),
    ("contact", "Contact"),
    ("m", "Contact"),
];

/// Header fields that have a path of their own.
const HEADERS: &[&str] = &[
    "user_agent",
    "content_type",
    "content_length",
    "max_forwards",
    "expires",
    "event",
    "refer_to",
    "remote_party_id",
    "route",
    "record_route",
    "subject",
    "organization",
    "priority",
    "server",
    "min_expires",
    "session_expires",
    "min_se",
    "reason",
];

/// What a path means; `None` for one that is not known.
pub(crate) fn selected(path: &[u8]) -> Option<Selected> {
    let path = core::str::from_utf8(path).ok()?.trim();
    let path = path.strip_prefix('@').unwrap_or(path);
    let path = steps(path)?;
    let like = |text: String| Some(Selected::Like(text));
    if let [
        Step {
            name: "via" | "v",
            index,
        },
        rest @ ..,
    ] = &path[..]
    {
        return via(*index, rest);
    }
    match &path[..] {
        [
            Step {
                name: "hf_value", ..
            },
            header,
            rest @ ..,
        ]
        | [
            Step { name: "msg", .. },
            Step { name: "header", .. },
            header,
            rest @ ..,
        ] => {
            return like(header_value(*header, rest)?);
        }
        [
            Step {
                name: "cfg_get", ..
            },
            group,
            name,
        ] => {
            return like(format!("$ccp({}.{})", group.name, name.name));
        }
        _ => {}
    }
    if path.iter().any(|step| step.index.is_some()) {
        return None;
    }
    let names: Vec<&str> = path.iter().map(|step| step.name).collect();
    let whole = names.join(".");
    let plain = PLAIN.iter().find(|(path, _)| *path == whole);
    if let Some((_, text)) = plain {
        return like((*text).to_owned());
    }
    if whole.ends_with(".port") {
        return uri(&whole).map(Selected::Port);
    }
    uri(&whole)
        .or_else(|| address(&names))
        .or_else(|| header(&names))
        .and_then(like)
}

/// The steps of a path.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut out = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (mut name, behind) = rest.split_at_checked(end)?;
        let mut index = None;
        rest = behind;
        if let Some(inside) = rest.strip_prefix('[') {
            let (inner, behind) = inside.split_once(']')?;
            rest = behind;
            match inner
                .strip_prefix('"')
                .and_then(|inner| inner.strip_suffix('"'))
            {
                // `hf_value["X-A"]` is `hf_value.x_a`.
                Some(quoted) => {
                    out.push(Step { name, index: None });
                    name = quoted;
                }
                None => index = Some(number(inner.as_bytes())?),
            }
        }
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
        if name.is_empty() || !name.bytes().all(is_name) {
            return None;
        }
        out.push(Step { name, index });
        rest = match rest.strip_prefix('.') {
            Some(behind) if !behind.is_empty() => behind,
            Some(_) => return None,
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    (!out.is_empty()).then_some(out)
}

/// `via`, `via[n].part`, `via[n].params.name`; without a number the first.
fn via(index: Option<i64>, rest: &[Step<'_>]) -> Option<Selected> {
    let place = place(index.unwrap_or(1))?;
    match rest {
        [] => Some(Selected::Like(format!("$(hfl(Via)[{place}])"))),
        [part] => VIA_PARTS
            .iter()
            .find(|known| **known == part.name)
            .map(|part| Selected::Via(place, part)),
        [Step { name: "params", .. }, param] => {
            Some(Selected::ViaParam(place, param.name.to_owned()))
        }
        _ => None,
    }
}

/// Selects count from 1, or back from -1.
fn place(index: i64) -> Option<i64> {
    match index {
        0 => None,
        1.. => Some(index - 1),
        _ => Some(index),
    }
}

/// `hf_value.name[n]`: the values of a header field, counted from 1, all of them without a number.
fn header_value(header: Step<'_>, rest: &[Step<'_>]) -> Option<String> {
    let name = header.name.replace('_', "-");
    let place = match header.index {
        None => "*".to_owned(),
        Some(index) => place(index)?.to_string(),
    };
    let names: Vec<&str> = rest.iter().map(|step| step.name).collect();
    Some(match (&names[..], header.index) {
        ([], _) => format!("$(hdr({name})[{place}])"),
        (["uri"], _) => format!("$(hdr({name}){{nameaddr.uri}})"),
        (["name"], _) => format!("$(hdr({name}){{nameaddr.name}}{{s.trim}}{{s.unquote}})"),
        (["param" | "params" | "p", param], _) => {
            format!("$(hdr({name}){{tobody.params}}{{param.value,{param}}})")
        }
        _ => return None,
    })
}

/// A URI or a part of it.
fn uri(path: &str) -> Option<String> {
    URIS.iter().find_map(|(start, text)| {
        let rest = path.strip_prefix(start)?;
        if rest.is_empty() {
            return Some(format!("{text})"));
        }
        let part = rest.strip_prefix('.')?;
        if let Some(param) = part
            .strip_prefix("params.")
            .filter(|one| !one.contains('.'))
        {
            return Some(format!("{text}{{uri.param,{param}}})"));
        }
        let (_, change) = URI_PARTS.iter().find(|(name, _)| *name == part)?;
        Some(format!("{text}{change})"))
    })
}

/// An address with what stands beside its URI.
fn address(names: &[&str]) -> Option<String> {
    let (first, rest) = names.split_first()?;
    let (_, header) = ADDRESSES.iter().find(|(name, _)| name == first)?;
    let param = |name: &str| format!("$(hdr({header}){{tobody.params}}{{param.value,{name}}})");
    Some(match rest {
        [] => format!("$hdr({header})"),
        ["name"] => format!("$(hdr({header}){{nameaddr.name}})"),
        ["tag"] if *header != "Contact" => param("tag"),
        [part @ ("expires" | "q" | "instance" | "received")] if *header == "Contact" => param(part),
        ["params", name] => param(name),
        _ => return None,
    })
}

fn header(names: &[&str]) -> Option<String> {
    let [name] = names else {
        return None;
    };
    let name = if *name == "rpid" {
        "remote_party_id"
    } else {
        name
    };
    let known = HEADERS.contains(&name);
    known.then(|| format!("$hdr({})", name.replace('_', "-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(path: &str) -> Option<String> {
        match selected(path.as_bytes())? {
            Selected::Like(text) | Selected::Port(text) => Some(text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn paths_become_pseudo_variables() {
        for (path, text) in [
            ("@ruri", Some("$(ru)")),
            ("ruri", Some("$(ru)")),
            ("@ruri.user", Some("$(ru{uri.user})")),
            ("@ruri.params.x", Some("$(ru{uri.param,x})")),
            (
                "@from.tag",
                Some("$(hdr(From){tobody.params}{param.value,tag})"),
            ),
            ("@contact.uri.host", Some("$(ct{nameaddr.uri}{uri.host})")),
            ("@hf_value.x_multi", Some("$(hdr(x-multi)[*])")),
            ("@hf_value.x_multi[2]", Some("$(hdr(x-multi)[1])")),
            ("@hf_value[\"X-Multi\"]", Some("$(hdr(X-Multi)[*])")),
            ("@msg.header.x_multi[-1]", Some("$(hdr(x-multi)[-1])")),
            ("@cfg_get.g.name", Some("$ccp(g.name)")),
            ("@rpid", Some("$hdr(remote-party-id)")),
            ("@nosuch", None),
            ("@ruri.nosuch", None),
            ("@ruri[1]", None),
            ("@ruri.", None),
            ("@ruri..user", None),
            ("@hf_value.a)b", None),
            ("@hf_value.$ru", None),
            ("@via[0].host", None),
            ("@", None),
        ] {
            let got = match path {
                "@via[0].host" => selected(path.as_bytes()).map(|_| String::new()),
                _ => like(path),
            };
            assert_eq!(got.as_deref(), text, "{path}");
        }
        assert_eq!(selected(b"@via[2].host"), Some(Selected::Via(1, "host")));
        assert_eq!(
            selected(b"@via.params.branch"),
            Some(Selected::ViaParam(0, "branch".to_owned()))
        );
    }

    #[test]
    fn every_path_leads_to_a_pseudo_variable() {
        let parts = URI_PARTS.iter().map(|(part, _)| format!("ruri.{part}"));
        let uris = URIS.iter().map(|(path, _)| (*path).to_owned());
        let plain = PLAIN.iter().map(|(path, _)| (*path).to_owned());
        let headers = HEADERS.iter().map(|path| (*path).to_owned());
        let more = [
            "contact.name",
            "contact.expires",
            "hf_value.a.name",
            "hf_value.a.p.b",
        ];
        let more = more.into_iter().map(str::to_owned);
        for path in parts.chain(uris).chain(plain).chain(headers).chain(more) {
            let text = like(&path).unwrap_or_default();
            assert!(
                crate::pv::PvSpec::parse(text.as_bytes()).is_ok(),
                "{path}: {text}"
            );
        }
    }
}
