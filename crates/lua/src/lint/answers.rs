//! Finds out whether a route can come to its end without having answered: a caller that hears nothing tries again and
//! again. Blocks are followed by their keywords; an early `return` or exit in a condition counts as meant.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::Finding;
use super::tokens::{self, Token, Word};

/// Functions that call each other this deep are followed; what lies deeper counts as an answer (32).
const CALLS_DEEP_MAX: usize = 32;
/// Calls that are followed in all (10,000); what comes after counts as an answer.
const CALLS_MAX: usize = 10_000;

/// True for functions of the root that answer or forward: module, name.
pub type Answers<'a> = &'a dyn Fn(&str, &str) -> bool;

/// The place where `entry` can end without an answer, if it can.
pub fn check_answers(
    source: &str,
    root: &str,
    entry: &str,
    answers: Answers<'_>,
) -> Option<Finding> {
    let tokens = tokens::read(source);
    let follower = Follower {
        tokens: &tokens,
        root,
        answers,
        bodies: bodies(&tokens),
        calls: Cell::new(0),
    };
    let body = *follower.bodies.get(entry)?;
    if follower.block(body, 0).answered {
        return None;
    }
    let end = tokens.get(body.1)?;
    Some(Finding {
        line: end.line,
        column: end.column,
        text: format!(
            "{entry} can end here without an answer: the sender will try again and again"
        ),
        fix: Some("answer with KSR.sl.send_reply(…), or forward, on every way".into()),
    })
}

/// First token of a body, and its `end`.
type Body = (usize, usize);

/// The functions that the source defines by name.
fn bodies<'a>(tokens: &[Token<'a>]) -> BTreeMap<&'a str, Body> {
    let mut found = BTreeMap::new();
    for (at, pair) in tokens.windows(3).enumerate() {
        if let [one, two, three] = pair
            && one.word == Word::Name("function")
            && let Word::Name(name) = two.word
            && three.word == Word::Symbol("(")
            && let Some(open) = closing(tokens, at + 2)
            && let Some(end) = end_of(tokens, open + 1)
        {
            found.insert(name, (open + 1, end));
        }
    }
    found
}

fn word<'a>(tokens: &[Token<'a>], at: usize) -> Option<Word<'a>> {
    tokens.get(at).map(|token| token.word)
}

/// The parenthesis that closes the one at `at`.
fn closing(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    (at..tokens.len()).find(|&index| {
        match word(tokens, index) {
            Some(Word::Symbol("(")) => depth += 1,
            Some(Word::Symbol(")")) => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

/// The `end` or `until` of the block whose first token is at `at`.
fn end_of(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut depth = 1_usize;
    (at..tokens.len()).find(|&index| {
        match word(tokens, index) {
            // `while … do` and `for … do` open one block, by their `do`.
            Some(Word::Name("function" | "if" | "do" | "repeat")) => depth += 1,
            Some(Word::Name("end" | "until")) => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// How a stretch of source ends.
#[derive(Copy, Clone, Default)]
struct Ending {
    /// It has answered when it ends.
    answered: bool,
    /// It leaves the route: by `return` or an exit.
    leaves: bool,
}

struct Follower<'a> {
    tokens: &'a [Token<'a>],
    root: &'a str,
    answers: Answers<'a>,
    bodies: BTreeMap<&'a str, Body>,
    calls: Cell<usize>,
}

impl<'a> Follower<'a> {
    fn block(&self, (mut at, end): Body, depth: usize) -> Ending {
        let mut ending = Ending::default();
        while at < end {
            match word(self.tokens, at) {
                Some(Word::Name("if")) => {
                    let (branches, after) = self.condition(at, end, depth);
                    ending.answered |= branches.answered;
                    ending.leaves |= branches.leaves;
                    at = after;
                    continue;
                }
                // A loop may not run at all, and a function that is made here is not called here.
                Some(Word::Name("while" | "for")) => {
                    let body =
                        (at..end).find(|&index| word(self.tokens, index) == Some(Word::Name("do")));
                    at = body
                        .and_then(|body| end_of(self.tokens, body + 1))
                        .unwrap_or(end);
                }
                Some(Word::Name("function")) => at = end_of(self.tokens, at + 1).unwrap_or(end),
                Some(Word::Name("return")) => ending.leaves = true,
                Some(Word::Name(name)) => self.call(name, at, depth, &mut ending),
                _ => {}
            }
            if ending.answered {
                return ending;
            }
            at += 1;
        }
        ending
    }

    /// What a name that is called does.
    fn call(&self, name: &str, at: usize, depth: usize, ending: &mut Ending) {
        let field = |at: usize| match (word(self.tokens, at), word(self.tokens, at + 1)) {
            (Some(Word::Symbol(".")), Some(Word::Name(name))) => Some(name),
            _ => None,
        };
        if name == self.root {
            let (module, function) = match (field(at + 1), field(at + 3)) {
                (Some(module), Some(function)) => (module, function),
                (Some(function), None) => ("", function),
                _ => return,
            };
            if module == "x" && matches!(function, "exit" | "drop") {
                ending.leaves = true;
            }
            ending.answered |= (self.answers)(module, function);
        } else if word(self.tokens, at + 1) == Some(Word::Symbol("("))
            && let Some(body) = self.bodies.get(name)
        {
            self.calls.set(self.calls.get() + 1);
            if depth >= CALLS_DEEP_MAX || self.calls.get() > CALLS_MAX {
                ending.answered = true;
                return;
            }
            ending.answered |= self.block(*body, depth + 1).answered;
        }
    }

    /// An `if`: it has answered if its condition has, or each of its branches that goes on; without `else` it may not.
    fn condition(&self, at: usize, end: usize, depth: usize) -> (Ending, usize) {
        let after = end_of(self.tokens, at + 1).unwrap_or(end).min(end);
        let mut starts = Vec::new();
        let mut nested = 0_usize;
        let mut has_else = false;
        for index in at + 1..after {
            match word(self.tokens, index) {
                Some(Word::Name("function" | "if" | "do" | "repeat")) => nested += 1,
                Some(Word::Name("end" | "until")) => nested = nested.saturating_sub(1),
                Some(Word::Name("then")) if nested == 0 => starts.push((index + 1, after)),
                Some(Word::Name(word @ ("elseif" | "else"))) if nested == 0 => {
                    if let Some(last) = starts.last_mut() {
                        last.1 = index;
                    }
                    if word == "else" {
                        has_else = true;
                        starts.push((index + 1, after));
                    }
                }
                _ => {}
            }
        }
        let condition_end = starts.first().map_or(after, |(start, _)| start - 1);
        let condition = self.block((at + 1, condition_end), depth);
        let endings: Vec<Ending> = starts
            .iter()
            .map(|branch| self.block(*branch, depth))
            .collect();
        let all_answer = has_else
            && endings
                .iter()
                .all(|ending| ending.answered || ending.leaves);
        let ending = Ending {
            answered: condition.answered || (all_answer && endings.iter().any(|one| one.answered)),
            leaves: false,
        };
        (ending, after + 1)
    }
}
