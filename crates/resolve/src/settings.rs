//! Limits of resolution and of the cache.

/// Settings of finding the next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveSettings {
    /// Ask for NAPTR records first where neither transport nor port is given (RFC 3263 §4.1). Default true.
    pub naptr: bool,
    /// Try IPv6 addresses before IPv4 addresses where both can be reached. Default false.
    pub prefer_ipv6: bool,
    /// Records used of one answer; the rest is dropped. Default 32.
    pub records_per_answer_max: usize,
    /// Targets tried in one resolution. Default 8.
    pub targets_max: usize,
    /// Questions asked or looked up in one resolution. Default 24.
    pub questions_max: usize,
    /// Answers kept in the cache. Default 65,536.
    pub cache_entries_max: usize,
    /// Records are kept at least this long. Default 5.
    pub ttl_seconds_min: u32,
    /// Records are kept at most this long. Default 3,600.
    pub ttl_seconds_max: u32,
    /// "No such name" is kept at most this long. Default 60.
    pub negative_ttl_seconds_max: u32,
}

impl Default for ResolveSettings {
    fn default() -> ResolveSettings {
        ResolveSettings {
            naptr: true,
            prefer_ipv6: false,
            records_per_answer_max: 32,
            targets_max: 8,
            questions_max: 24,
            cache_entries_max: 65_536,
            ttl_seconds_min: 5,
            ttl_seconds_max: 3_600,
            negative_ttl_seconds_max: 60,
        }
    }
}
