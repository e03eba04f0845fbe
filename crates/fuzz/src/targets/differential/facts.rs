//! What both parsers are asked for, in one form.

/// A fact about a message.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Request or response, and the method or status code.
    Start,
    /// `sip` or `sips` of the Request-URI.
    Scheme,
    /// User of the Request-URI, unescaped.
    User,
    /// Host of the Request-URI in lower case.
    Host,
    /// Port of the Request-URI.
    Port,
    /// Call-ID.
    CallId,
    /// The number of CSeq.
    CSeqNumber,
    /// The method of CSeq.
    CSeqMethod,
    /// The tag of From.
    FromTag,
    /// The tag of To.
    ToTag,
    /// The transport of the topmost Via.
    ViaTransport,
    /// The host of its sent-by, in lower case.
    ViaHost,
    /// The port of its sent-by.
    ViaPort,
    /// Its branch.
    ViaBranch,
    /// The number of header fields.
    Headers,
}

/// What a parser made of a message; a fact that is absent is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(pub Vec<(Field, Vec<u8>)>);

impl Facts {
    /// Adds a fact.
    pub fn push(&mut self, field: Field, value: impl AsRef<[u8]>) {
        self.0.push((field, value.as_ref().to_vec()));
    }

    /// The facts that differ, with both values.
    pub fn differences(&self, other: &Facts) -> Vec<(Field, Vec<u8>, Vec<u8>)> {
        assert_eq!(self.0.len(), other.0.len(), "both were asked the same");
        let pairs = self.0.iter().zip(&other.0);
        let differ = pairs.filter(|((a, left), (b, right))| {
            assert_eq!(a, b, "both were asked in the same order");
            left != right
        });
        differ
            .map(|((field, left), (_, right))| (*field, left.clone(), right.clone()))
            .collect()
    }
}
