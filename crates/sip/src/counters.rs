//! How many messages were refused, and why.

use crate::error::ParseError;
use crate::limits::Limit;
use crate::status::StatusCode;

/// Counts refused messages; whoever parses owns one.
#[derive(Default, Clone, Debug)]
pub struct SipCounters {
    /// Messages refused for their syntax.
    pub malformed: u64,
    /// Messages of another version than SIP/2.0.
    pub other_version: u64,
    /// Messages beyond `message_octets_max`.
    pub message_octets_exceeded: u64,
    /// Messages beyond `header_section_octets_max`.
    pub header_section_octets_exceeded: u64,
    /// Messages beyond `headers_max`.
    pub headers_exceeded: u64,
    /// Messages beyond `header_octets_max`.
    pub header_octets_exceeded: u64,
    /// Messages beyond `uri_octets_max`.
    pub uri_octets_exceeded: u64,
    /// Messages beyond `parameters_max`.
    pub parameters_exceeded: u64,
}

impl SipCounters {
    /// Counts one refusal.
    pub fn record(&mut self, error: &ParseError) {
        let counter = match error {
            ParseError::TooMuch(Limit::MessageOctets) => &mut self.message_octets_exceeded,
            ParseError::TooMuch(Limit::HeaderSectionOctets) => {
                &mut self.header_section_octets_exceeded
            }
            ParseError::TooMuch(Limit::Headers) => &mut self.headers_exceeded,
            ParseError::TooMuch(Limit::HeaderOctets) => &mut self.header_octets_exceeded,
            ParseError::TooMuch(Limit::UriOctets) => &mut self.uri_octets_exceeded,
            ParseError::TooMuch(Limit::Parameters) => &mut self.parameters_exceeded,
            error if error.status() == Some(StatusCode::VERSION_NOT_SUPPORTED) => {
                &mut self.other_version
            }
            ParseError::KeepAlive => return,
            _ => &mut self.malformed,
        };
        *counter += 1;
    }

    /// Shows every counter: name, help, value.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "sip_malformed_total",
            "Messages refused for their syntax",
            self.malformed,
        );
        f(
            "sip_other_version_total",
            "Messages of another version than SIP/2.0",
            self.other_version,
        );
        f(
            "sip_message_octets_exceeded_total",
            "Messages longer than message_octets_max",
            self.message_octets_exceeded,
        );
        f(
            "sip_header_section_octets_exceeded_total",
            "Messages whose header section is longer than header_section_octets_max",
            self.header_section_octets_exceeded,
        );
        f(
            "sip_headers_exceeded_total",
            "Messages with more header fields than headers_max",
            self.headers_exceeded,
        );
        f(
            "sip_header_octets_exceeded_total",
            "Messages with a header field longer than header_octets_max",
            self.header_octets_exceeded,
        );
        f(
            "sip_uri_octets_exceeded_total",
            "Messages with a Request-URI longer than uri_octets_max",
            self.uri_octets_exceeded,
        );
        f(
            "sip_parameters_exceeded_total",
            "Messages with more parameters than parameters_max",
            self.parameters_exceeded,
        );
    }
}
