//! Session descriptions as lines (RFC 8866 §5): enough to look at them and to take lines out.

use core::ops::Range;

use strowger_sip::Message;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line<'m> {
    /// Where it lies in the message, with its line end.
    pub(crate) range: Range<usize>,
    /// What it says, without its line end.
    pub(crate) text: &'m [u8],
}

/// A media description: its `m=` line and what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Media<'m> {
    /// The `m=` line.
    pub(crate) line: Line<'m>,
    /// Where the description ends in the message.
    pub(crate) end: usize,
    /// `audio`, `video` …
    pub(crate) kind: &'m [u8],
    /// The port as it stands.
    pub(crate) port: &'m [u8],
    /// `RTP/AVP` …
    pub(crate) transport: &'m [u8],
    /// Its formats.
    pub(crate) formats: Vec<&'m [u8]>,
    /// Its lines behind the `m=` line.
    pub(crate) attributes: Vec<Line<'m>>,
}

/// The session description in the body of a message.
#[derive(Clone, Debug)]
pub(crate) struct SdpLines<'m> {
    message: &'m Message,
    start: usize,
}

impl<'m> SdpLines<'m> {
    /// Of a message whose body is one; `None` for other bodies.
    pub(crate) fn of(message: &'m Message) -> Option<SdpLines<'m>> {
        let kind = message.content_type()?.ok()?;
        let body = message.body();
        let is_sdp = kind.is(b"application", b"sdp") && !body.is_empty();
        is_sdp.then(|| SdpLines {
            message,
            start: message.len() - body.len(),
        })
    }

    /// Where it lies in the message.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.message.len()
    }

    /// Octets of the message.
    pub(crate) fn text(&self, range: Range<usize>) -> &'m [u8] {
        self.message.as_bytes().get(range).unwrap_or_default()
    }

    /// The lines.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Line<'m>> {
        let mut at = self.start;
        self.message
            .body()
            .split_inclusive(|octet| *octet == b'\n')
            .map(move |line| {
                let range = at..at + line.len();
                at = range.end;
                let text = line.strip_suffix(b"\n").unwrap_or(line);
                let text = text.strip_suffix(b"\r").unwrap_or(text);
                Line { range, text }
            })
    }

    /// The lines before the first media description.
    pub(crate) fn session(&self) -> impl Iterator<Item = Line<'m>> {
        self.iter().take_while(|line| !line.text.starts_with(b"m="))
    }

    /// The media descriptions.
    pub(crate) fn media(&self) -> impl Iterator<Item = Media<'m>> {
        let mut lines = self.iter().peekable();
        core::iter::from_fn(move || {
            let line = lines.find(|line| line.text.starts_with(b"m="))?;
            let mut attributes = Vec::new();
            while let Some(next) = lines.next_if(|line| !line.text.starts_with(b"m=")) {
                attributes.push(next);
            }
            let mut words = line
                .text
                .get(2..)
                .unwrap_or_default()
                .split(|octet| *octet == b' ')
                .filter(|word| !word.is_empty());
            Some(Media {
                kind: words.next().unwrap_or_default(),
                port: words.next().unwrap_or_default(),
                transport: words.next().unwrap_or_default(),
                formats: words.collect(),
                end: attributes
                    .last()
                    .map_or(line.range.end, |last| last.range.end),
                line,
                attributes,
            })
        })
    }
}

impl Media<'_> {
    /// The name of a format, of its `a=rtpmap` or of the static table of RFC 3551 §6.
    pub(crate) fn codec(&self, format: &[u8]) -> Option<&[u8]> {
        let mapped = self.attributes.iter().find_map(|line| {
            let rest = line.text.strip_prefix(b"a=rtpmap:")?;
            let rest = rest.strip_prefix(format)?.strip_prefix(b" ")?;
            rest.split(|octet| *octet == b'/').next()
        });
        mapped.or_else(|| static_name(format).map(str::as_bytes))
    }

    /// True if it has one of these attributes.
    pub(crate) fn has(&self, line: &[u8]) -> bool {
        self.attributes.iter().any(|one| one.text == line)
    }
}

fn static_name(format: &[u8]) -> Option<&'static str> {
    Some(match format {
        b"0" => "PCMU",
        b"3" => "GSM",
        b"4" => "G723",
        b"5" | b"6" | b"16" | b"17" => "DVI4",
        b"7" => "LPC",
        b"8" => "PCMA",
        b"9" => "G722",
        b"10" | b"11" => "L16",
        b"12" => "QCELP",
        b"13" => "CN",
        b"14" => "MPA",
        b"15" => "G728",
        b"18" => "G729",
        b"25" => "CelB",
        b"26" => "JPEG",
        b"28" => "nv",
        b"31" => "H261",
        b"32" => "MPV",
        b"33" => "MP2T",
        b"34" => "H263",
        _ => return None,
    })
}

/// Where the address of a `c=` or `o=` line lies: behind `IN IP4` or `IN IP6`, without what follows a slash.
pub(crate) fn address(line: &Line<'_>, prefix: &[u8]) -> Option<Range<usize>> {
    line.text.strip_prefix(prefix)?;
    let mark = [&b" IP4 "[..], b" IP6 "].into_iter().find_map(|mark| {
        let at = line.text.windows(mark.len()).position(|one| one == mark)?;
        Some(at + mark.len())
    });
    // `c=` begins with the network type, so the mark stands behind it in both lines.
    let start = mark?;
    let rest = line.text.get(start..)?;
    let length = rest
        .iter()
        .position(|octet| matches!(octet, b' ' | b'/'))
        .unwrap_or(rest.len());
    let start = line.range.start + start;
    (length > 0).then(|| start..start + length)
}
