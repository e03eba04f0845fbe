//! Requests and responses as tests write them.

use strowger_sip::{AnswerInput, Challenge, Message, Secret, Uri};
use strowger_transaction::Flow;

use crate::world::{DOMAIN, Sent, udp};

/// A request that a test writes.
#[derive(Clone, Debug)]
pub struct Draft {
    pub method: String,
    pub uri: String,
    pub flow: Flow,
    /// Host and port of Via.
    pub sent_by: String,
    pub branch: String,
    pub from: String,
    pub to: String,
    pub call_id: String,
    pub cseq: u32,
    pub hops: u32,
    pub contact: String,
    /// Complete lines.
    pub extra: String,
    pub body: String,
}

impl Draft {
    /// A request from a local user to a local user.
    pub fn new(method: &str, from: &str, to: &str, branch: &str, flow: Flow) -> Draft {
        Draft {
            method: method.into(),
            uri: format!("sip:{to}@{DOMAIN}"),
            flow,
            sent_by: flow.remote.to_string(),
            branch: format!("z9hG4bK{branch}"),
            from: format!("<sip:{from}@{DOMAIN}>;tag=f1"),
            to: format!("<sip:{to}@{DOMAIN}>"),
            call_id: format!("call-{branch}"),
            cseq: 1,
            hops: 70,
            contact: format!("<sip:{from}@{}>", flow.remote),
            extra: String::new(),
            body: String::new(),
        }
    }
    pub fn uri(mut self, uri: &str) -> Draft {
        self.uri = uri.into();
        self
    }
    pub fn contact(mut self, contact: &str) -> Draft {
        self.contact = contact.into();
        self
    }
    pub fn sent_by(mut self, sent_by: &str) -> Draft {
        self.sent_by = sent_by.into();
        self
    }
    pub fn line(mut self, line: &str) -> Draft {
        self.extra += &format!("{line}\r\n");
        self
    }
    pub fn body(mut self, content_type: &str, octets: usize) -> Draft {
        self.body = "b".repeat(octets);
        self.line(&format!("Content-Type: {content_type}"))
    }
    /// The same request once more, with credentials that answer a challenge.
    pub fn authorized(&self, challenge: &Sent, user: &str, password: &str, nc: u32) -> Draft {
        let (name, value) = match challenge.status() {
            401 => ("Authorization", challenge.header("WWW-Authenticate")),
            407 => (
                "Proxy-Authorization",
                challenge.header("Proxy-Authenticate"),
            ),
            other => panic!("{other} is no challenge: {}", challenge.text()),
        };
        let value = value.expect("a challenge");
        let challenge = Challenge::parse(value.as_bytes()).expect("a sound challenge");
        let mut credentials = Vec::new();
        assert!(challenge.write_answer(
            &mut credentials,
            Secret::Password(password.as_bytes()),
            &AnswerInput {
                user: user.as_bytes(),
                method: self.method.as_bytes(),
                uri: self.uri.as_bytes(),
                body: b"",
                cnonce: b"0a4f113b",
                nonce_count: nc,
            },
        ));
        let mut again = self.clone();
        again.cseq += 1;
        again.branch = format!("{}.{nc}", self.branch);
        again.line(&format!(
            "{name}: {}",
            String::from_utf8_lossy(&credentials)
        ))
    }
    pub fn text(&self) -> String {
        let Draft {
            method,
            uri,
            sent_by,
            branch,
            from,
            to,
            call_id,
            cseq,
            hops,
            extra,
            body,
            ..
        } = self;
        let transport = self.flow.transport.as_str();
        let contact = match self.contact.as_str() {
            "" => String::new(),
            contact => format!("Contact: {contact}\r\n"),
        };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {sent_by};branch={branch};rport\r\n\
             Max-Forwards: {hops}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             {contact}{extra}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
    /// The CANCEL for this request.
    pub fn cancel(&self) -> Draft {
        Draft {
            method: "CANCEL".into(),
            contact: String::new(),
            extra: String::new(),
            body: String::new(),
            ..self.clone()
        }
    }
    /// The ACK to a failure of this request.
    pub fn ack(&self, failure: &Sent) -> Draft {
        Draft {
            method: "ACK".into(),
            to: failure.header("To").expect("To"),
            ..self.cancel()
        }
    }
}

pub fn registration(user: &str, contact: &str, flow: Flow) -> Draft {
    let mut draft = Draft::new(
        "REGISTER",
        user,
        user,
        &format!("reg{user}{}", contact.len()),
        flow,
    );
    draft.uri = format!("sip:{DOMAIN}");
    draft.call_id = format!("reg-{user}-{contact}");
    draft.contact(&format!("<{contact}>")).line("Expires: 600")
}

/// An established dialog, seen from one of its ends.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub flow: Flow,
    pub sent_by: String,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub routes: Vec<String>,
    pub call_id: String,
}

impl Dialog {
    /// The caller's end, from its INVITE and the 200 it received.
    pub fn of_caller(invite: &Draft, ok: &Sent) -> Dialog {
        let mut routes = route_set(ok);
        routes.reverse();
        Dialog {
            flow: invite.flow,
            sent_by: invite.sent_by.clone(),
            local: invite.from.clone(),
            remote: ok.header("To").expect("To"),
            target: contact_of(&ok.message),
            routes,
            call_id: invite.call_id.clone(),
        }
    }
    /// The callee's end, from the INVITE it received and its own tag.
    pub fn of_callee(invite: &Sent, tag: &str) -> Dialog {
        Dialog {
            flow: invite.flow,
            sent_by: invite.flow.remote.to_string(),
            local: format!("{};tag={tag}", invite.header("To").expect("To")),
            remote: invite.header("From").expect("From"),
            target: contact_of(&invite.message),
            routes: route_set(invite),
            call_id: invite.header("Call-ID").expect("Call-ID"),
        }
    }
    pub fn request(&self, method: &str, cseq: u32) -> Draft {
        let mut draft = Draft::new(method, "x", "y", &format!("{method}{cseq}"), self.flow);
        draft.uri.clone_from(&self.target);
        draft.sent_by.clone_from(&self.sent_by);
        draft.from.clone_from(&self.local);
        draft.to.clone_from(&self.remote);
        draft.call_id.clone_from(&self.call_id);
        draft.branch += &self.local.replace(|c: char| !c.is_ascii_alphanumeric(), "");
        draft.cseq = cseq;
        draft.contact = format!("<sip:end@{}>", self.sent_by);
        for route in &self.routes {
            draft = draft.line(&format!("Route: {route}"));
        }
        draft
    }
}

fn route_set(message: &Sent) -> Vec<String> {
    message.headers("Record-Route")
}

/// The Contact URI of a message; for a request without one its Request-URI.
fn contact_of(message: &Message) -> String {
    let uri = match message.contacts().next() {
        Some(Ok(strowger_sip::Contact::Address(contact))) => contact.uri,
        _ => message.request_uri(),
    };
    assert!(Uri::parse(uri).is_ok());
    String::from_utf8_lossy(uri).into_owned()
}

/// A request from a caller to a local user, as text.
pub fn request(method: &str, from: &str, to: &str, branch: &str, via: &str) -> String {
    Draft::new(method, from, to, branch, udp(via)).text()
}

/// A response to a request, with a To tag and a Contact.
pub fn response(request: &Sent, status: &str, tag: &str, contact: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.text().lines() {
        let name = line.split(':').next().unwrap_or_default();
        match name {
            "Via" | "From" | "Call-ID" | "CSeq" | "Record-Route" => text += &format!("{line}\r\n"),
            "To" if line.contains("tag=") => text += &format!("{line}\r\n"),
            "To" => text += &format!("{line};tag={tag}\r\n"),
            _ => {}
        }
    }
    if !contact.is_empty() {
        text += &format!("Contact: <{contact}>\r\n");
    }
    text + "Content-Length: 0\r\n\r\n"
}
