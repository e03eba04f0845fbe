//! Tables of Kamailio's db_text: one file per table in a folder.
//!
//! The first line defines the columns, `name(type,attribute) …`; each other line is a row of fields between colons.
//! A backslash escapes: `\n`, `\r`, `\t`, `\\`, `\:` and `\0`, the octet zero, which alone in a field stands for
//! null, as an empty field does. Empty lines are passed over.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::error::KamailioError;
use super::row::{KAMAILIO_ROWS_MAX, RawRow, RowErrors, TableRows, Wanted};

/// Octets of the file of one table.
pub const KAMAILIO_TEXT_OCTETS_MAX: u64 = 268_435_456;
/// Columns of one table.
const COLUMNS_MAX: usize = 256;

/// Reads the wanted columns of a table.
pub(super) fn read(
    folder: &Path,
    table: &str,
    wanted: &[Wanted<'_>],
) -> Result<TableRows, KamailioError> {
    let path = folder.join(table);
    let mut octets = Vec::new();
    let io = |source| KamailioError::Io {
        path: path.clone(),
        source,
    };
    let file = File::open(&path).map_err(io)?;
    file.take(KAMAILIO_TEXT_OCTETS_MAX + 1)
        .read_to_end(&mut octets)
        .map_err(io)?;
    if octets.len() as u64 > KAMAILIO_TEXT_OCTETS_MAX {
        return Err(KamailioError::TooLarge {
            path,
            limit: "256 MiB; use a SQLite database",
        });
    }
    let text = String::from_utf8_lossy(&octets);
    let mut lines = (1..).zip(text.lines());
    let header = lines.next().map(|(_, line)| line).unwrap_or_default();
    let mut rows = TableRows {
        path,
        table: table.to_owned(),
        rows: Vec::new(),
        errors: RowErrors::default(),
    };
    let columns = match columns_of(header) {
        Ok(columns) => columns,
        Err(reason) => {
            rows.errors.add(1, reason);
            return Ok(rows);
        }
    };
    let places = places_of(&columns, wanted, &rows)?;
    for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
        if rows.rows.len() >= KAMAILIO_ROWS_MAX {
            return Err(KamailioError::TooLarge {
                path: rows.path,
                limit: "1000000 rows",
            });
        }
        match fields_of(text, columns.len()) {
            Ok(mut fields) => {
                let take = |place: &Option<usize>| {
                    place.and_then(|place| fields.get_mut(place).and_then(Option::take))
                };
                let values = places.iter().map(take).collect();
                rows.rows.push(RawRow { line, values });
            }
            Err(reason) => rows.errors.add(line, reason),
        }
    }
    Ok(rows)
}

/// Names of the columns that the first line defines.
fn columns_of(header: &str) -> Result<Vec<String>, String> {
    let definitions: Vec<&str> = header.split_whitespace().collect();
    if definitions.is_empty() {
        return Err("the first line must define the columns: name(type) …".to_owned());
    }
    if definitions.len() > COLUMNS_MAX {
        return Err(format!("more than {COLUMNS_MAX} columns"));
    }
    let name_of = |definition: &&str| match definition.split_once('(') {
        Some((name, kind)) if !name.is_empty() && kind.ends_with(')') => Ok(name.to_owned()),
        _ => Err(format!(
            "`{}` does not define a column; write name(type) or name(type,null)",
            definition.escape_debug()
        )),
    };
    definitions.iter().map(name_of).collect()
}

fn places_of(
    columns: &[String],
    wanted: &[Wanted<'_>],
    rows: &TableRows,
) -> Result<Vec<Option<usize>>, KamailioError> {
    let place = |wanted: &Wanted<'_>| {
        let place = columns.iter().position(|column| column == wanted.name);
        if place.is_none() && wanted.required {
            return Err(KamailioError::NoColumn {
                path: rows.path.clone(),
                table: rows.table.clone(),
                column: wanted.name.to_owned(),
                found: columns.to_vec(),
            });
        }
        Ok(place)
    };
    wanted.iter().map(place).collect()
}

/// The fields of a row, as many as there are columns.
fn fields_of(line: &str, count: usize) -> Result<Vec<Option<String>>, String> {
    let mut fields = Vec::with_capacity(count);
    let mut field = String::new();
    let mut letters = line.chars();
    loop {
        match letters.next() {
            Some('\\') => field.push(match letters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('0') => '\0',
                Some(letter @ ('\\' | ':')) => letter,
                Some(letter) => {
                    return Err(format!(
                        "`\\{}` is no escape; those are \\n \\r \\t \\0 \\: and \\\\",
                        letter.escape_debug()
                    ));
                }
                None => return Err("it ends in a backslash".to_owned()),
            }),
            Some(letter) if letter != ':' => field.push(letter),
            end => {
                let whole = std::mem::take(&mut field);
                fields.push((!whole.is_empty() && whole != "\0").then_some(whole));
                if end.is_none() {
                    break;
                }
            }
        }
    }
    if fields.len() != count {
        return Err(format!(
            "{} fields for {count} columns; a colon in a text needs a backslash before it",
            fields.len()
        ));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str, count: usize) -> Result<Vec<Option<String>>, String> {
        fields_of(line, count)
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(
            fields(r"a\:b\\c\td\ne\0f:x", 2),
            Ok(vec![Some("a:b\\c\td\ne\0f".into()), Some("x".into())])
        );
    }

    #[test]
    fn empty_and_zero_are_null() {
        assert_eq!(
            fields(r":\0:x:", 4),
            Ok(vec![None, None, Some("x".into()), None])
        );
    }

    #[test]
    fn rows_that_do_not_fit_are_errors() {
        assert!(fields("a:b", 3).is_err_and(|reason| reason.contains("2 fields for 3 columns")));
        assert!(fields(r"a\qb", 1).is_err_and(|reason| reason.contains(r"`\q` is no escape")));
        assert!(fields("a\\", 1).is_err_and(|reason| reason.contains("ends in a backslash")));
    }

    #[test]
    fn the_first_line_defines_the_columns() {
        assert_eq!(
            columns_of("id(int,auto) name(string) tag(string,null) "),
            Ok(vec!["id".into(), "name".into(), "tag".into()])
        );
        assert!(columns_of("").is_err());
        assert!(
            columns_of("1:2:3").is_err_and(|reason| reason.contains("`1:2:3` does not define"))
        );
    }
}
