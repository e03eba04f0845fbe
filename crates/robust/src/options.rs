//! `--name value` pairs.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The options of one run.
#[derive(Debug)]
pub struct Options {
    values: BTreeMap<String, String>,
}

impl Options {
    /// Reads the words after the command.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut values = BTreeMap::new();
        while let Some(word) = words.next() {
            let name = word
                .strip_prefix("--")
                .ok_or_else(|| format!("`{word}` is no option"))?;
            let value = words
                .next()
                .ok_or_else(|| format!("--{name} needs a value"))?;
            values.insert(name.to_owned(), value);
        }
        Ok(Options { values })
    }

    /// A value that must be there.
    pub fn required<T: FromStr>(&self, name: &str) -> Result<T, String> {
        self.given(name)?
            .ok_or_else(|| format!("--{name} is missing"))
    }

    /// A value, or what is used without it.
    pub fn or<T: FromStr>(&self, name: &str, preset: T) -> Result<T, String> {
        Ok(self.given(name)?.unwrap_or(preset))
    }

    fn given<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        self.values
            .get(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| format!("--{name}: `{text}` makes no sense"))
            })
            .transpose()
    }

    /// The server. Nobody else's: floods go to loopback only.
    pub fn target(&self) -> Result<SocketAddr, String> {
        let target: SocketAddr = self.required("target")?;
        match target.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => Ok(target),
            other => Err(format!("{other} is not in 127.0.0.0/8")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn options(words: &[&str]) -> Options {
        Options::parse(words.iter().map(|word| (*word).to_owned())).expect("pairs")
    }

    #[test]
    fn a_missing_and_a_senseless_value_are_told() {
        let given = options(&["--count", "many"]);
        assert!(given.required::<u64>("count").is_err());
        assert!(given.required::<u64>("rate").is_err());
        assert_eq!(given.or("rate", 7_u64), Ok(7));
    }

    #[test]
    fn only_loopback_is_flooded() {
        assert!(options(&["--target", "127.0.0.1:5060"]).target().is_ok());
        assert!(options(&["--target", "192.0.2.1:5060"]).target().is_err());
    }
}
