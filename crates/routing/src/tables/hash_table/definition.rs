//! How a hash table is defined: `name=>size=8;autoexpire=300;initval=0`, the syntax of Kamailio's `htable` parameter.

use core::fmt;

/// Octets of the name of a hash table.
pub const TABLE_NAME_OCTETS_MAX: usize = 255;
/// Attributes of one definition that are looked at.
const ATTRIBUTES_MAX: usize = 64;
/// `size` of tables that ask for fewer than four slots.
const SIZE_SMALLEST: u8 = 3;
/// `size` of tables that ask for more than 2^31 slots.
const SIZE_LARGEST: u8 = 14;

/// A hash table as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDefinition {
    /// Its name in scripts.
    pub name: Box<str>,
    /// The binary logarithm of the number of slots that Kamailio would make. It bounds nothing here.
    pub size: u8,
    /// Seconds until a cell goes; 0 keeps all for ever.
    pub autoexpire_seconds: u32,
    /// What an absent cell reads as, and what it is incremented from.
    pub initval: Option<i64>,
    /// True if changing a cell begins its time anew.
    pub updateexpire: bool,
    /// The database table that it is filled from.
    pub dbtable: Option<Box<str>>,
    /// The columns of that table, if they are not the usual ones.
    pub cols: Option<Box<str>>,
    /// True if the cells shall be written back at the end.
    pub dbmode: bool,
    /// True if the cells shall be replicated.
    pub dmqreplicate: bool,
    /// Names of attributes that nobody here knows.
    pub unknown: Vec<Box<str>>,
}

/// Why a definition cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefinitionError {
    /// There is no `=>` in it.
    NoArrow(String),
    /// The name is empty, or too long.
    BadName(String),
    /// An attribute has no `=` in it.
    NoValue {
        /// The table.
        table: String,
        /// The attribute.
        attribute: String,
    },
    /// An attribute must be a number and is none, or not one that fits.
    BadNumber {
        /// The table.
        table: String,
        /// The attribute.
        attribute: String,
        /// Its value.
        value: String,
    },
    /// There are more attributes than anybody needs.
    TooManyAttributes(String),
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DefinitionError::NoArrow(text) => write!(
                f,
                "`{}` is not of the form name=>attribute=value;…",
                text.escape_debug()
            ),
            DefinitionError::BadName(name) => write!(
                f,
                "`{}` cannot name a hash table: 1 to {TABLE_NAME_OCTETS_MAX} octets are needed",
                name.escape_debug()
            ),
            DefinitionError::NoValue { table, attribute } => write!(
                f,
                "hash table `{table}`: `{}` has no value; write {}=…",
                attribute.escape_debug(),
                attribute.escape_debug()
            ),
            DefinitionError::BadNumber {
                table,
                attribute,
                value,
            } => write!(
                f,
                "hash table `{table}`: `{}` is not a number that fits {attribute}",
                value.escape_debug()
            ),
            DefinitionError::TooManyAttributes(table) => write!(
                f,
                "hash table `{table}`: more than {ATTRIBUTES_MAX} attributes"
            ),
        }
    }
}

impl core::error::Error for DefinitionError {}

impl TableDefinition {
    /// A table with the attributes that Kamailio has when none is given.
    pub fn new(name: &str) -> TableDefinition {
        TableDefinition {
            name: name.into(),
            size: SIZE_SMALLEST,
            autoexpire_seconds: 0,
            initval: None,
            updateexpire: true,
            dbtable: None,
            cols: None,
            dbmode: false,
            dmqreplicate: false,
            unknown: Vec::new(),
        }
    }

    /// Reads `name=>attribute=value;…`. Unknown attributes are kept by name and are no error.
    pub fn parse(text: &str) -> Result<TableDefinition, DefinitionError> {
        let Some((name, attributes)) = text.split_once("=>") else {
            return Err(DefinitionError::NoArrow(text.to_owned()));
        };
        let name = name.trim();
        if name.is_empty() || name.len() > TABLE_NAME_OCTETS_MAX {
            return Err(DefinitionError::BadName(name.to_owned()));
        }
        let mut table = TableDefinition::new(name);
        for (count, attribute) in Attributes(attributes).enumerate() {
            if count >= ATTRIBUTES_MAX {
                return Err(DefinitionError::TooManyAttributes(name.to_owned()));
            }
            let Some((attribute, value)) = attribute.split_once('=') else {
                return Err(DefinitionError::NoValue {
                    table: name.to_owned(),
                    attribute: attribute.to_owned(),
                });
            };
            table.set(attribute.trim(), unquoted(value.trim()))?;
        }
        Ok(table)
    }

    fn set(&mut self, attribute: &str, value: &str) -> Result<(), DefinitionError> {
        match attribute {
            "size" => {
                let size: u32 = number(&self.name, attribute, value)?;
                self.size = match u8::try_from(size) {
                    Ok(size @ 2..=31) => size,
                    Ok(0 | 1) => SIZE_SMALLEST,
                    _ => SIZE_LARGEST,
                };
            }
            "autoexpire" => self.autoexpire_seconds = number(&self.name, attribute, value)?,
            "initval" => self.initval = Some(number(&self.name, attribute, value)?),
            "updateexpire" => self.updateexpire = number::<i64>(&self.name, attribute, value)? != 0,
            "dbtable" => self.dbtable = (!value.is_empty()).then(|| value.into()),
            "cols" => self.cols = (!value.is_empty()).then(|| value.into()),
            "dbmode" => self.dbmode = number::<i64>(&self.name, attribute, value)? != 0,
            "dmqreplicate" => self.dmqreplicate = number::<i64>(&self.name, attribute, value)? != 0,
            _ => self.unknown.push(attribute.into()),
        }
        Ok(())
    }
}

/// What stands between semicolons, those within quotes apart; empty parts are passed over.
struct Attributes<'a>(&'a str);

impl<'a> Iterator for Attributes<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            if self.0.is_empty() {
                return None;
            }
            let mut quote = None;
            let end = self.0.find(|letter| match (quote, letter) {
                (None, ';') => true,
                (None, '"' | '\'') => {
                    quote = Some(letter);
                    false
                }
                (Some(open), _) if open == letter => {
                    quote = None;
                    false
                }
                _ => false,
            });
            let (part, rest) = match end {
                Some(end) => (
                    self.0.get(..end).unwrap_or_default(),
                    self.0.get(end + 1..).unwrap_or_default(),
                ),
                None => (self.0, ""),
            };
            self.0 = rest;
            let part = part.trim();
            if !part.is_empty() {
                return Some(part);
            }
        }
    }
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value
            .strip_prefix(quote)
            .and_then(|value| value.strip_suffix(quote))
        {
            return inner;
        }
    }
    value
}

fn number<N: core::str::FromStr>(
    table: &str,
    attribute: &str,
    value: &str,
) -> Result<N, DefinitionError> {
    value.parse().map_err(|_| DefinitionError::BadNumber {
        table: table.to_owned(),
        attribute: attribute.to_owned(),
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> TableDefinition {
        TableDefinition::parse(text).expect("a definition")
    }

    #[test]
    fn attributes_are_read() {
        let table = parse("ipban=>size=8;autoexpire=300;initval=-1;updateexpire=0;dbtable=bans;");
        assert_eq!(&*table.name, "ipban");
        assert_eq!(table.size, 8);
        assert_eq!(table.autoexpire_seconds, 300);
        assert_eq!(table.initval, Some(-1));
        assert!(!table.updateexpire);
        assert_eq!(table.dbtable.as_deref(), Some("bans"));
        assert_eq!(table.unknown, []);
    }

    #[test]
    fn what_is_not_said_is_as_in_kamailio() {
        let table = parse(" a => ");
        assert_eq!(table, TableDefinition::new("a"));
        assert!(table.updateexpire);
        assert_eq!(table.initval, None);
    }

    #[test]
    fn quotes_keep_semicolons_and_commas() {
        let table = parse("a=>cols='key;name,value';dbtable=\"t\";size=4");
        assert_eq!(table.cols.as_deref(), Some("key;name,value"));
        assert_eq!(table.dbtable.as_deref(), Some("t"));
        assert_eq!(table.size, 4);
    }

    #[test]
    fn sizes_out_of_range_become_those_of_kamailio() {
        assert_eq!(parse("a=>size=0").size, 3);
        assert_eq!(parse("a=>size=2").size, 2);
        assert_eq!(parse("a=>size=32").size, 14);
        assert_eq!(parse("a=>size=4000").size, 14);
    }

    #[test]
    fn unknown_attributes_are_reported_and_not_fatal() {
        assert_eq!(
            parse("a=>size=4;frobnicate=1").unknown,
            ["frobnicate".into()]
        );
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let says = |text: &str| {
            TableDefinition::parse(text)
                .expect_err("no definition")
                .to_string()
        };
        assert!(says("a").contains("name=>attribute=value"));
        assert!(says("=>size=4").contains("cannot name a hash table"));
        assert!(says("a=>size").contains("`size` has no value"));
        assert!(says("a=>autoexpire=soon").contains("`soon` is not a number"));
    }
}
