//! Bounds on what a message may contain; the error says which one was hit.

/// What a message may contain at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a whole message; 65,535 by default, the largest datagram.
    pub message_octets_max: usize,
    /// Octets of start line and header fields together; never more than [`Limits::HEADER_SECTION_OCTETS_MAX`].
    pub header_section_octets_max: usize,
    /// Header field lines (a folded line counts once); 200 by default.
    pub headers_max: usize,
    /// Octets of one header field, name and folds included; 8,192 by default.
    pub header_octets_max: usize,
    /// Octets of the Request-URI; 2,048 by default.
    pub uri_octets_max: usize,
    /// Parameters of one Via, From or To; 64 by default.
    pub parameters_max: usize,
}

impl Limits {
    /// The header index keeps offsets of 16 bits; no setting goes beyond.
    pub const HEADER_SECTION_OCTETS_MAX: usize = 65_535;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message_octets_max: 65_535,
            header_section_octets_max: Limits::HEADER_SECTION_OCTETS_MAX,
            headers_max: 200,
            header_octets_max: 8_192,
            uri_octets_max: 2_048,
            parameters_max: 64,
        }
    }
}

/// Which of the [`Limits`] was hit.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// `message_octets_max`
    MessageOctets,
    /// `header_section_octets_max`
    HeaderSectionOctets,
    /// `headers_max`
    Headers,
    /// `header_octets_max`
    HeaderOctets,
    /// `uri_octets_max`
    UriOctets,
    /// `parameters_max`
    Parameters,
}

impl Limit {
    /// The name of the setting.
    pub const fn name(self) -> &'static str {
        match self {
            Limit::MessageOctets => "message_octets_max",
            Limit::HeaderSectionOctets => "header_section_octets_max",
            Limit::Headers => "headers_max",
            Limit::HeaderOctets => "header_octets_max",
            Limit::UriOctets => "uri_octets_max",
            Limit::Parameters => "parameters_max",
        }
    }
}
