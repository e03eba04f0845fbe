//! Checks a script against the functions it may call, before it runs: names that do not exist, numbers used as
//! booleans, wrong argument counts. It reads tokens, not the grammar: what it is not sure of it passes over.

mod answers;
mod tokens;

pub use answers::{Answers, check_answers};

use crate::table::{Returns, Signature};
use tokens::{Token, Word};

/// Something a script should change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What is wrong.
    pub text: String,
    /// What to write instead, if that is clear.
    pub fix: Option<String>,
}

/// Checks a script against the functions of `root`, in order of their places.
pub fn check(source: &str, root: &str, known: &[Signature]) -> Vec<Finding> {
    let tokens = tokens::read(source);
    let mut checker = Checker {
        tokens: &tokens,
        root,
        known,
        findings: Vec::new(),
    };
    checker.run();
    checker.findings
}

struct Checker<'a> {
    tokens: &'a [Token<'a>],
    root: &'a str,
    known: &'a [Signature],
    findings: Vec<Finding>,
}

/// `root.module.name` or `root.name` as it stands in the script.
struct Name<'a> {
    /// Index of the root's token.
    first: usize,
    /// Index of the last token.
    last: usize,
    module: &'a str,
    name: &'a str,
}

/// The arguments of a call.
struct Arguments {
    count: usize,
    /// True if the last one may be several (`...`, a call).
    open: bool,
    /// Index of the token that closes the call.
    last: usize,
}

impl<'a> Checker<'a> {
    fn run(&mut self) {
        let mut in_condition = false;
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            match token.word {
                Word::Name("if" | "elseif" | "while" | "until") => in_condition = true,
                Word::Name("then" | "do" | "local" | "return" | "end") => in_condition = false,
                Word::Symbol("=" | ";") => in_condition = false,
                _ => {}
            }
            match self.name_at(at) {
                Some(name) => {
                    self.check_name(&name, in_condition);
                    at = name.last + 1;
                }
                None => at += 1,
            }
        }
    }

    fn word(&self, at: usize) -> Option<Word<'a>> {
        self.tokens.get(at).map(|token| token.word)
    }

    fn name_at(&self, at: usize) -> Option<Name<'a>> {
        if self.word(at) != Some(Word::Name(self.root)) {
            return None;
        }
        // A field of something else that happens to have the name.
        if at > 0 && matches!(self.word(at - 1), Some(Word::Symbol("." | ":"))) {
            return None;
        }
        let field = |at: usize| match (self.word(at), self.word(at + 1)) {
            (Some(Word::Symbol(".")), Some(Word::Name(name))) => Some(name),
            _ => None,
        };
        let first = field(at + 1)?;
        Some(match field(at + 3) {
            Some(second) => Name {
                first: at,
                last: at + 4,
                module: first,
                name: second,
            },
            None => Name {
                first: at,
                last: at + 2,
                module: "",
                name: first,
            },
        })
    }

    fn check_name(&mut self, name: &Name<'a>, in_condition: bool) {
        let Some(signature) = self.find(name.module, name.name) else {
            return self.unknown(name);
        };
        let Some(arguments) = self.arguments(name.last + 1) else {
            return;
        };
        self.check_count(name, &signature, &arguments);
        if signature.returns == Returns::Int {
            self.check_condition(name, arguments.last, in_condition);
        }
    }

    fn find(&self, module: &str, name: &str) -> Option<Signature> {
        self.known
            .iter()
            .find(|one| one.module == module && one.name == name)
            .copied()
    }

    fn unknown(&mut self, name: &Name<'a>) {
        let has_module = |module: &str| self.known.iter().any(|one| one.module == module);
        if name.module.is_empty() {
            // `if KSR.module then` asks whether a module is there.
            if has_module(name.name) || !self.is_called(name) {
                return;
            }
        } else if !has_module(name.module) && self.is_asked_for(name.module) {
            return;
        }
        let written = self.full(name.module, name.name);
        let fix = self
            .known
            .iter()
            .map(|one| self.full(one.module, one.name))
            .map(|known| (distance(&written, &known), known))
            .min_by(|a, b| a.0.cmp(&b.0))
            .filter(|(distance, _)| *distance <= 2.max(name.name.len() / 3))
            .map(|(_, known)| known);
        let text = match &fix {
            Some(fix) => format!("there is no {written}; did you mean {fix}?"),
            None if name.module.is_empty() || has_module(name.module) => {
                format!("there is no {written}")
            }
            None => format!(
                "there is no {written}: the module {} is not loaded",
                name.module
            ),
        };
        self.find_at(name.first, text, fix);
    }

    fn full(&self, module: &str, name: &str) -> String {
        if module.is_empty() {
            format!("{}.{name}", self.root)
        } else {
            format!("{}.{module}.{name}", self.root)
        }
    }

    fn is_called(&self, name: &Name<'_>) -> bool {
        matches!(
            self.word(name.last + 1),
            Some(Word::Symbol("(" | "{") | Word::Text)
        )
    }

    /// True if the script compares the module, or asks for it in a condition, somewhere.
    fn is_asked_for(&self, module: &str) -> bool {
        (0..self.tokens.len()).any(|at| {
            self.name_at(at).is_some_and(|name| {
                name.module.is_empty() && name.name == module && !self.is_called(&name)
            })
        })
    }

    /// The arguments of a call whose opening token stands at `at`.
    fn arguments(&self, at: usize) -> Option<Arguments> {
        match self.word(at)? {
            Word::Text => {
                return Some(Arguments {
                    count: 1,
                    open: false,
                    last: at,
                });
            }
            Word::Symbol("(") => {}
            _ => return None,
        }
        let (mut depth, mut count, mut index) = (0_usize, 0, at);
        loop {
            match self.word(index)? {
                Word::Symbol("(" | "{" | "[") => depth += 1,
                Word::Symbol(")" | "}" | "]") => depth -= 1,
                Word::Name("function") => {
                    // A function written in place has commas and parentheses of its own.
                    index = self.end_of_function(index)?;
                }
                Word::Symbol(",") if depth == 1 => count += 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            index += 1;
        }
        let is_empty = index == at + 1;
        let before = self.word(index.wrapping_sub(1));
        Some(Arguments {
            count: if is_empty { 0 } else { count + 1 },
            open: !is_empty && matches!(before, Some(Word::Symbol("..." | ")"))),
            last: index,
        })
    }

    fn end_of_function(&self, from: usize) -> Option<usize> {
        let (mut depth, mut index) = (0_usize, from);
        loop {
            match self.word(index)? {
                Word::Name("function" | "if" | "do" | "repeat") => depth += 1,
                Word::Name("end" | "until") => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return Some(index);
            }
            index += 1;
        }
    }

    fn check_count(&mut self, name: &Name<'a>, signature: &Signature, arguments: &Arguments) {
        let (least, most) = signature.counts();
        let given = arguments.count;
        if given > most || (given < least && !arguments.open) {
            let needed = if least == most {
                least.to_string()
            } else {
                format!("{least} to {most}")
            };
            let list: Vec<&str> = signature.parameters.iter().map(|one| one.name).collect();
            let full = self.full(name.module, name.name);
            let plural = if most == 1 { "" } else { "s" };
            let text = format!("{full} takes {needed} argument{plural}, not {given}");
            self.find_at(
                name.first,
                text,
                Some(format!("{full}({})", list.join(", "))),
            );
        }
    }

    /// -1 is true in a condition: the number must be compared.
    fn check_condition(&mut self, name: &Name<'a>, last: usize, in_condition: bool) {
        let before = name
            .first
            .checked_sub(1)
            .and_then(|at| self.word(at))
            .unwrap_or(Word::Text);
        // `not f() > 0` compares false with a number; it is wrong as well, and Lua says so.
        let negated = before == Word::Name("not");
        let opens = match before {
            Word::Name("if" | "elseif" | "while" | "until" | "not") => true,
            Word::Name("and" | "or") | Word::Symbol("(") => in_condition,
            _ => false,
        };
        let compared = matches!(
            self.word(last + 1),
            Some(Word::Symbol(
                "==" | "~="
                    | "<"
                    | "<="
                    | ">"
                    | ">="
                    | "+"
                    | "-"
                    | "*"
                    | "/"
                    | "%"
                    | "^"
                    | ".."
                    | ","
            ))
        );
        // In `f(KSR.x.y())` the number is an argument, not a condition.
        let is_argument = before == Word::Symbol("(")
            && name
                .first
                .checked_sub(2)
                .and_then(|at| self.word(at))
                .is_some_and(|word| {
                    matches!(word, Word::Symbol(")" | "]"))
                        || matches!(word, Word::Name(name) if !tokens::is_keyword(name))
                });
        if !opens || is_argument || (compared && !negated) {
            return;
        }
        let full = self.full(name.module, name.name);
        let text = format!(
            "{full} returns a number: negative numbers mean no, but are true in a condition"
        );
        let fix = if negated {
            format!("{full}(…) < 0")
        } else {
            format!("{full}(…) > 0")
        };
        self.find_at(name.first, text, Some(fix));
    }

    fn find_at(&mut self, at: usize, text: String, fix: Option<String>) {
        if let Some(token) = self.tokens.get(at) {
            self.findings.push(Finding {
                line: token.line,
                column: token.column,
                text,
                fix,
            });
        }
    }
}

/// How many letters must change to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let up = *cell;
            left = (diagonal + usize::from(x != y)).min(up + 1).min(left + 1);
            diagonal = up;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
