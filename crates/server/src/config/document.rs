//! A parsed file with positions, checked against the key table: unknown keys, wrong types, wrong words and numbers out of
//! bounds are all found here, so that what reads the values meets only those of the right form.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Report;
use super::keys::{KEYS, Key, Kind, LISTS, Preset, SECTIONS, keys_of, located, place};
use super::nearest::nearest;

/// A value with its place in the file.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Which octets of the file.
    pub span: Range<usize>,
}

/// One table of the file (or its absence), of which only well-formed values can be read.
#[derive(Copy, Clone, Debug)]
pub struct Table<'d> {
    section: &'static str,
    table: Option<&'d DeTable<'d>>,
}

/// Parses `text`; what is no TOML at all is reported, the rest is kept.
pub fn parse<'d>(text: &'d str, report: &mut Report) -> Spanned<DeTable<'d>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        report.error(error.span(), error.message().to_owned(), "");
    }
    table
}

/// Checks the whole file against the key table.
pub fn check(top: &DeTable<'_>, report: &mut Report) {
    check_table("", top, 0..0, report);
}

fn check_table(
    section: &'static str,
    table: &DeTable<'_>,
    span: Range<usize>,
    report: &mut Report,
) {
    for (name, value) in table {
        let name_span = name.span();
        let name: &str = name.get_ref();
        if let Some(key) = keys_of(section).find(|key| key.name == name) {
            check_value(key, value, report);
        } else if section.is_empty() && SECTIONS.iter().any(|one| one.name == name) {
            check_section(name, value, report);
        } else {
            let message = format!("unknown key `{}` {}", printable(name), located(section));
            report.error(Some(name_span), message, suggestion(section, name));
        }
    }
    for key in keys_of(section)
        .filter(|key| key.preset == Preset::Required && !table.contains_key(key.name))
    {
        // Written with a slip of the pen: the unknown key's error says it already.
        let slip = |name: &str| !known(section, name) && meant(section, name) == Some(key.name);
        if table.keys().any(|name| slip(name.get_ref())) {
            continue;
        }
        let example = match (section, key.name) {
            (_, "domains") => "domains = [\"example.test\"]",
            (_, "listen") => "listen = [\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\"]",
            (_, "algorithms") => "algorithms = [\"SHA-256\", \"MD5\"]",
            ("kamailio", _) => "script = \"main.lua\"",
            ("realm", _) => "name = \"example.test\"",
            _ => "name = \"1001\"",
        };
        let at = (!section.is_empty()).then(|| span.clone());
        let message = format!("`{}` is missing {}", key.name, located(section));
        report.error(at, message, format!("add: {example}"));
    }
}

fn check_section(name: &str, value: &Spanned<DeValue<'_>>, report: &mut Report) {
    let Some(section) = SECTIONS.iter().find(|one| one.name == name) else {
        return;
    };
    match (value.get_ref(), section.name) {
        (DeValue::Array(tables), list) if LISTS.contains(&list) => {
            for table in tables.iter() {
                match table.get_ref() {
                    DeValue::Table(inner) => check_table(list, inner, table.span(), report),
                    other => report.error(
                        Some(table.span()),
                        format!("each `{list}` must be a table, not {}", type_name(other)),
                        format!("write it as {}", place(list)),
                    ),
                }
            }
        }
        (DeValue::Table(_), list) if LISTS.contains(&list) => {
            report.error(
                Some(value.span()),
                format!("[{list}] is one table, but there may be several"),
                format!("write {}", place(list)),
            );
        }
        (DeValue::Table(inner), section) => check_table(section, inner, value.span(), report),
        (other, section) => {
            let message = format!("`{section}` must be a table, not {}", type_name(other));
            report.error(
                Some(value.span()),
                message,
                format!("write {}", place(section)),
            );
        }
    }
}

fn check_value(key: &Key, value: &Spanned<DeValue<'_>>, report: &mut Report) {
    let span = Some(value.span());
    match (key.kind, value.get_ref()) {
        (Kind::Flag, DeValue::Boolean(_)) | (Kind::Text, DeValue::String(_)) => {}
        (Kind::Number { min, max }, DeValue::Integer(number)) => {
            let read = i64::from_str_radix(number.as_str(), number.radix()).ok();
            if !read.is_some_and(|number| (min..=max).contains(&number)) {
                let message = format!("`{}` is out of bounds: {number}", key.name);
                report.error(span, message, format!("write a number from {min} to {max}"));
            }
        }
        (Kind::Choice(words), DeValue::String(text)) => {
            check_word(key, words, text, value.span(), report)
        }
        (Kind::Texts, DeValue::Array(items)) => {
            for item in items
                .iter()
                .filter(|item| !matches!(item.get_ref(), DeValue::String(_)))
            {
                let message = format!(
                    "`{}` holds strings, not {}",
                    key.name,
                    type_name(item.get_ref())
                );
                report.error(Some(item.span()), message, "put it in quotes");
            }
        }
        (Kind::Choices(words), DeValue::Array(items)) => {
            for item in items.iter() {
                match item.get_ref() {
                    DeValue::String(text) => check_word(key, words, text, item.span(), report),
                    other => {
                        let message =
                            format!("`{}` holds strings, not {}", key.name, type_name(other));
                        report.error(Some(item.span()), message, "put it in quotes");
                    }
                }
            }
        }
        // What is in them is checked where it is read.
        (Kind::Parameters, DeValue::Table(_)) => {}
        (Kind::Table, DeValue::Table(inner)) => {
            if let Some(section) = SECTIONS
                .iter()
                .find(|one| sub_section(one.name) == Some((key.section, key.name)))
            {
                check_table(section.name, inner, value.span(), report);
            }
        }
        (kind, other) => {
            let message = format!(
                "`{}` must be {}, not {}",
                key.name,
                kind_name(kind),
                type_name(other)
            );
            report.error(span, message, example(key, other));
        }
    }
}

fn sub_section(name: &str) -> Option<(&str, &str)> {
    name.split_once('.')
}

fn check_word(key: &Key, words: &[&str], text: &str, span: Range<usize>, report: &mut Report) {
    if words.contains(&text) {
        return;
    }
    let all = words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let fix = match nearest(text, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("use one of {all}"),
    };
    let message = match key.name {
        "algorithms" => format!("unknown digest algorithm `{}`", printable(text)),
        name => format!("unknown value `{}` of `{name}`", printable(text)),
    };
    report.error(Some(span), message, fix);
}

fn known(section: &str, name: &str) -> bool {
    keys_of(section).any(|key| key.name == name)
}

/// The key or table that an unknown name was probably meant to be.
fn meant(section: &str, name: &str) -> Option<&'static str> {
    nearest(name, names_in(section))
}

/// Keys of a section and, at the top, the names of the tables.
fn names_in(section: &str) -> impl Iterator<Item = &'static str> {
    let tables = SECTIONS
        .iter()
        .map(|one| one.name)
        .filter(|name| !name.is_empty() && !name.contains('.'))
        .take(if section.is_empty() { usize::MAX } else { 0 });
    keys_of(section).map(|key| key.name).chain(tables)
}

/// What to do about an unknown key.
fn suggestion(section: &str, name: &str) -> String {
    if let Some(meant) = meant(section, name) {
        return format!("did you mean `{meant}`?");
    }
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return format!("it belongs {}", located(key.section));
    }
    format!(
        "known here: {}",
        names_in(section).collect::<Vec<_>>().join(", ")
    )
}

/// Keys are shown as written, without control characters.
fn printable(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                '?'
            } else {
                character
            }
        })
        .collect()
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A kind in words.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag => "true or false",
        Kind::Number { .. } => "a whole number",
        Kind::Text | Kind::Choice(_) => "a string",
        Kind::Texts | Kind::Choices(_) => "a list of strings",
        Kind::Table => "a table",
        Kind::Parameters => "a table with a table for each module",
    }
}

fn example(key: &Key, given: &DeValue<'_>) -> String {
    match (key.kind, given, key.preset) {
        (Kind::Texts | Kind::Choices(_), DeValue::String(text), _) => {
            format!("put it in brackets: {} = [{:?}]", key.name, printable(text))
        }
        (Kind::Flag | Kind::Number { .. }, DeValue::String(_), Preset::Value(default)) => {
            format!("without quotes, as in {} = {default}", key.name)
        }
        (_, _, Preset::Value(default)) => format!("as in {} = {default}", key.name),
        _ => format!("write {}", kind_name(key.kind)),
    }
}

impl<'d> Table<'d> {
    /// The top of the file.
    pub fn top(table: &'d DeTable<'d>) -> Table<'d> {
        Table {
            section: "",
            table: Some(table),
        }
    }

    /// A table inside this one.
    pub fn table(&self, name: &'static str) -> Table<'d> {
        let section = match self.section {
            "" => name,
            outer => SECTIONS
                .iter()
                .map(|one| one.name)
                .find(|one| sub_section(one) == Some((outer, name)))
                .unwrap_or(name),
        };
        let table = match self.get(name).map(Spanned::get_ref) {
            Some(DeValue::Table(inner)) => Some(inner),
            _ => None,
        };
        Table { section, table }
    }

    /// A table inside this one whose keys are not listed.
    pub fn raw(&self, name: &str) -> Option<&'d DeTable<'d>> {
        match self.get(name).map(Spanned::get_ref) {
            Some(DeValue::Table(inner)) => Some(inner),
            _ => None,
        }
    }

    /// The tables of a list of tables, with their places.
    pub fn tables(&self, name: &'static str) -> Vec<Found<Table<'d>>> {
        let Some(DeValue::Array(items)) = self.get(name).map(Spanned::get_ref) else {
            return Vec::new();
        };
        let tables = items.iter().filter_map(|item| match item.get_ref() {
            DeValue::Table(inner) => Some(Found {
                value: Table {
                    section: name,
                    table: Some(inner),
                },
                span: item.span(),
            }),
            _ => None,
        });
        tables.collect()
    }

    fn get(&self, name: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.table.and_then(|table| table.get(name))
    }

    /// The place of a key's value.
    pub fn span(&self, name: &str) -> Option<Range<usize>> {
        self.get(name).map(Spanned::span)
    }

    /// A flag, or its default.
    pub fn flag(&self, name: &str) -> bool {
        match self.get(name).map(Spanned::get_ref) {
            Some(DeValue::Boolean(flag)) => *flag,
            _ => self.default_text(name) == Some("true"),
        }
    }

    /// A number that is written in the file and within its bounds.
    pub fn written_number(&self, name: &str) -> Option<u64> {
        match (
            self.get(name).map(Spanned::get_ref),
            self.key(name).map(|key| key.kind),
        ) {
            (Some(DeValue::Integer(number)), Some(Kind::Number { min, max })) => {
                let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
                (min..=max)
                    .contains(&number)
                    .then(|| u64::try_from(number).ok())?
            }
            _ => None,
        }
    }

    /// A number, or its default.
    pub fn number(&self, name: &str) -> u64 {
        self.written_number(name)
            .or_else(|| self.default_text(name).and_then(|text| text.parse().ok()))
            .unwrap_or_default()
    }

    /// A string that is written in the file.
    pub fn text(&self, name: &str) -> Option<Found<&'d str>> {
        let value = self.get(name)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Found {
                value: text,
                span: value.span(),
            }),
            _ => None,
        }
    }

    /// One of a key's words, or its default; always one of the table's words.
    pub fn word(&self, name: &str) -> &'static str {
        let Some(Key {
            kind: Kind::Choice(words),
            ..
        }) = self.key(name)
        else {
            return "";
        };
        let written = self
            .text(name)
            .and_then(|found| words.iter().find(|word| **word == found.value));
        let default = self.default_text(name).map(|text| text.trim_matches('"'));
        written
            .or_else(|| words.iter().find(|word| Some(**word) == default))
            .copied()
            .unwrap_or_default()
    }

    /// The strings of a list; `None` if the key is absent.
    pub fn texts(&self, name: &str) -> Option<Vec<Found<&'d str>>> {
        let Some(DeValue::Array(items)) = self.get(name).map(Spanned::get_ref) else {
            return None;
        };
        let texts = items.iter().filter_map(|item| match item.get_ref() {
            DeValue::String(text) => Some(Found {
                value: &**text,
                span: item.span(),
            }),
            _ => None,
        });
        Some(texts.collect())
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        keys_of(self.section).find(|key| key.name == name)
    }

    fn default_text(&self, name: &str) -> Option<&'static str> {
        match self.key(name)?.preset {
            Preset::Value(text) => Some(text),
            _ => None,
        }
    }
}
