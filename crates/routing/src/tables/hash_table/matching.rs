//! How cells are chosen by name or by value: the operators of `sht_match_name`, `sht_rm_value` and `$shtcn`.

use core::fmt;

use crate::tables::TableValue;

/// What a name or a value must be.
#[derive(Copy, Clone)]
pub enum Matching<'a> {
    /// Anything: `**`.
    All,
    /// These octets: `eq`.
    Equal(&'a [u8]),
    /// Other octets than these: `ne`.
    NotEqual(&'a [u8]),
    /// Octets that begin so: `sw`.
    StartsWith(&'a [u8]),
    /// Octets that end so: `ew`.
    EndsWith(&'a [u8]),
    /// Octets with these among them: `in`.
    Includes(&'a [u8]),
    /// Octets that an expression matches: `re`. It was compiled before.
    Expression(&'a dyn Fn(&[u8]) -> bool),
    /// This number: `eq` of `$shtcv`.
    Number(i64),
    /// Another number than this: `ne` of `$shtcv`.
    OtherNumber(i64),
}

/// An operator as scripts write it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `re`
    Expression,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
    /// `in`
    Includes,
}

impl Operator {
    /// Reads the name of an operator.
    pub fn parse(name: &[u8]) -> Option<Operator> {
        Some(match name {
            b"eq" => Operator::Equal,
            b"ne" => Operator::NotEqual,
            b"re" => Operator::Expression,
            b"sw" => Operator::StartsWith,
            b"ew" => Operator::EndsWith,
            b"in" => Operator::Includes,
            _ => return None,
        })
    }

    /// The operator with its operand; an expression must be compiled and given as [`Matching::Expression`] instead.
    pub fn with(self, operand: &[u8]) -> Option<Matching<'_>> {
        Some(match self {
            Operator::Equal => Matching::Equal(operand),
            Operator::NotEqual => Matching::NotEqual(operand),
            Operator::StartsWith => Matching::StartsWith(operand),
            Operator::EndsWith => Matching::EndsWith(operand),
            Operator::Includes => Matching::Includes(operand),
            Operator::Expression => return None,
        })
    }
}

/// What `$shtcn` and `$shtcv` count, as scripts write it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum CountExpression<'a> {
    /// An operator that is ready.
    Ready(CountOperand<'a>),
    /// An expression to compile: `~~…`, or anything that begins with no operator.
    Expression(&'a [u8]),
}

/// An operator of [`CountExpression`] with its operand.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum CountOperand<'a> {
    /// `**`
    All,
    /// `==…`
    Equal(&'a [u8]),
    /// `%~…`
    StartsWith(&'a [u8]),
    /// `eq…`
    Number(i64),
    /// `ne…`
    OtherNumber(i64),
}

impl<'a> CountExpression<'a> {
    /// Reads what follows `=>`. `eq` and `ne` are operators only before a number.
    pub fn parse(text: &'a [u8]) -> CountExpression<'a> {
        let (operator, operand) = text.split_at_checked(2).unwrap_or((b"", text));
        let number = || core::str::from_utf8(operand).ok()?.trim().parse().ok();
        CountExpression::Ready(match operator {
            b"~~" => return CountExpression::Expression(operand),
            b"**" => CountOperand::All,
            b"==" => CountOperand::Equal(operand),
            b"%~" => CountOperand::StartsWith(operand),
            b"eq" if let Some(number) = number() => CountOperand::Number(number),
            b"ne" if let Some(number) = number() => CountOperand::OtherNumber(number),
            _ => return CountExpression::Expression(text),
        })
    }
}

impl<'a> From<CountOperand<'a>> for Matching<'a> {
    fn from(operand: CountOperand<'a>) -> Matching<'a> {
        match operand {
            CountOperand::All => Matching::All,
            CountOperand::Equal(octets) => Matching::Equal(octets),
            CountOperand::StartsWith(octets) => Matching::StartsWith(octets),
            CountOperand::Number(number) => Matching::Number(number),
            CountOperand::OtherNumber(number) => Matching::OtherNumber(number),
        }
    }
}

impl Matching<'_> {
    /// True for a name like this.
    pub fn matches_name(&self, name: &[u8]) -> bool {
        match self {
            Matching::All => true,
            Matching::Equal(octets) => name == *octets,
            Matching::NotEqual(octets) => name != *octets,
            Matching::StartsWith(octets) => name.starts_with(octets),
            Matching::EndsWith(octets) => name.ends_with(octets),
            Matching::Includes(octets) => includes(name, octets),
            Matching::Expression(matches) => matches(name),
            Matching::Number(_) | Matching::OtherNumber(_) => false,
        }
    }

    /// True for a value like this. Operators for octets pass over numbers, and the other way round.
    pub fn matches_value(&self, value: &TableValue) -> bool {
        match (self, value) {
            (Matching::All, _) => true,
            (Matching::Number(wanted), TableValue::Int(number)) => number == wanted,
            (Matching::OtherNumber(wanted), TableValue::Int(number)) => number != wanted,
            (_, TableValue::Int(_)) => false,
            (_, TableValue::Text(octets)) => self.matches_name(octets),
        }
    }
}

fn includes(octets: &[u8], part: &[u8]) -> bool {
    part.is_empty() || octets.windows(part.len()).any(|window| window == part)
}

impl fmt::Debug for Matching<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, octets) = match self {
            Matching::All => ("All", None),
            Matching::Equal(octets) => ("Equal", Some(octets)),
            Matching::NotEqual(octets) => ("NotEqual", Some(octets)),
            Matching::StartsWith(octets) => ("StartsWith", Some(octets)),
            Matching::EndsWith(octets) => ("EndsWith", Some(octets)),
            Matching::Includes(octets) => ("Includes", Some(octets)),
            Matching::Expression(_) => ("Expression", None),
            Matching::Number(number) => return write!(f, "Number({number})"),
            Matching::OtherNumber(number) => return write!(f, "OtherNumber({number})"),
        };
        match octets {
            Some(octets) => write!(f, "{name}(\"{}\")", octets.escape_ascii()),
            None => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_those_of_scripts() {
        let matches = |operator: &[u8], operand: &[u8], name: &[u8]| {
            Operator::parse(operator)
                .and_then(|operator| operator.with(operand).map(|by| by.matches_name(name)))
        };
        assert_eq!(matches(b"eq", b"alice", b"alice"), Some(true));
        assert_eq!(matches(b"ne", b"alice", b"alice"), Some(false));
        assert_eq!(matches(b"sw", b"ali", b"alice"), Some(true));
        assert_eq!(matches(b"ew", b"ice", b"alice"), Some(true));
        assert_eq!(matches(b"in", b"lic", b"alice"), Some(true));
        assert_eq!(matches(b"in", b"bob", b"alice"), Some(false));
        assert_eq!(matches(b"re", b"a.*", b"alice"), None);
        assert_eq!(matches(b"gt", b"a", b"alice"), None);
    }

    #[test]
    fn operators_for_octets_pass_over_numbers() {
        let seven = TableValue::Int(7);
        assert!(!Matching::Expression(&|_| true).matches_value(&seven));
        assert!(!Matching::Equal(b"7").matches_value(&seven));
        assert!(Matching::Number(7).matches_value(&seven));
        assert!(!Matching::Number(7).matches_value(&TableValue::text(b"7")));
        assert!(Matching::All.matches_value(&seven));
    }

    #[test]
    fn what_is_counted_may_begin_with_an_operator() {
        use CountExpression::{Expression, Ready};
        assert_eq!(CountExpression::parse(b"**"), Ready(CountOperand::All));
        assert_eq!(CountExpression::parse(b"~~^n"), Expression(b"^n"));
        assert_eq!(CountExpression::parse(b"^n"), Expression(b"^n"));
        assert_eq!(
            CountExpression::parse(b"==n1"),
            Ready(CountOperand::Equal(b"n1"))
        );
        assert_eq!(
            CountExpression::parse(b"%~n"),
            Ready(CountOperand::StartsWith(b"n"))
        );
        assert_eq!(
            CountExpression::parse(b"eq8"),
            Ready(CountOperand::Number(8))
        );
        assert_eq!(CountExpression::parse(b"equal"), Expression(b"equal"));
        assert_eq!(CountExpression::parse(b"x"), Expression(b"x"));
    }
}
