//! The statements, and what each is made of; global parameters and custom variables.

use super::globals::{self, Takes};
use super::lexer::{Lexed, Token};
use super::nearest::nearest;
use super::reader::{Reader, Told, shown};
use super::report::Class;
use super::source::{Placed, Span};
use super::value::Value;
use super::{CustomVariable, Global};

/// Words that begin a block of the native routing language.
const ROUTES: &[&str] = &[
    "route",
    "request_route",
    "reply_route",
    "onreply_route",
    "failure_route",
    "branch_route",
    "onsend_route",
    "event_route",
    "error_route",
    "startup_route",
];
/// Other words that begin a statement.
const STATEMENTS: &[&str] = &[
    "listen",
    "alias",
    "loadmodule",
    "loadmodulex",
    "loadpath",
    "mpath",
    "modparam",
    "modparamx",
    "cfgengine",
    "include_file",
    "import_file",
    "flags",
    "avpflags",
];

impl Reader<'_> {
    pub(crate) fn statement(&mut self, word: &str, lexed: &Lexed) -> Result<(), Told> {
        let span = lexed.span;
        match word {
            "include_file" | "import_file" => {
                self.lexer.inclusion(span, word == "include_file");
                Ok(())
            }
            "listen" => {
                self.equals()?;
                let listen = self.lexer.listen().ok_or(Told)?;
                self.report.add(Class::Used, "listen", "listening", span);
                self.config.listen.push(listen);
                Ok(())
            }
            "alias" => {
                self.equals()?;
                let before = self.config.aliases.len();
                self.lexer.aliases(&mut self.config.aliases);
                if self.config.aliases.len() == before {
                    return Err(Told);
                }
                self.report.add(Class::Used, "alias", "local domains", span);
                Ok(())
            }
            "loadmodule" | "loadmodulex" => self.load_module(span),
            "loadpath" | "mpath" => {
                self.optional_equals();
                let (value, place) = self.text("a path in quotes")?;
                self.report
                    .add(Class::NoEffect, word, "modules are built in", span);
                self.config.module_paths.push(Placed { value, span: place });
                Ok(())
            }
            "modparam" | "modparamx" => self.module_parameter(span),
            "cfgengine" => {
                self.optional_equals();
                let (value, place) = self.text("the engine in quotes")?;
                self.config.engine = Some(Placed {
                    value,
                    span: span.to(place),
                });
                Ok(())
            }
            "flags" | "avpflags" => {
                self.report
                    .add(Class::NoEffect, word, "flags are numbers in scripts", span);
                Err(Told)
            }
            _ if ROUTES.contains(&word) => self.route(word, span),
            _ => self.assignment(word, span),
        }
    }

    pub(crate) fn equals(&mut self) -> Result<(), Told> {
        let lexed = self.next();
        if lexed.token == Token::Sign('=') {
            return Ok(());
        }
        Err(self.unexpected(lexed, "`=`"))
    }

    pub(crate) fn optional_equals(&mut self) {
        let lexed = self.next();
        if lexed.token != Token::Sign('=') {
            self.pending = Some(lexed);
        }
    }

    pub(crate) fn text(&mut self, wanted: &str) -> Result<(String, Span), Told> {
        let lexed = self.next();
        match lexed.token {
            Token::Text(text) => Ok((text, lexed.span)),
            _ => Err(self.unexpected(lexed, wanted)),
        }
    }

    /// Tells that something else was wanted; what begins a line is left for the next statement.
    pub(crate) fn unexpected(&mut self, lexed: Lexed, wanted: &str) -> Told {
        let message = format!("{wanted} is expected, not {}", shown(&lexed.token));
        self.lexer.diagnostics.error(lexed.span, message, "");
        self.pending = Some(lexed);
        Told
    }

    pub(crate) fn value(&mut self) -> Result<(Value, Span), Told> {
        let lexed = self.next();
        match lexed.token {
            Token::Integer(number) => Ok((Value::Integer(number), lexed.span)),
            Token::Text(text) => Ok((Value::Text(text), lexed.span)),
            Token::Word(word) => Ok((Value::Word(word), lexed.span)),
            Token::Sign('-') => {
                let next = self.next();
                match next.token {
                    Token::Integer(number) => {
                        Ok((Value::Integer(-number), lexed.span.to(next.span)))
                    }
                    _ => Err(self.unexpected(next, "a number")),
                }
            }
            _ => Err(self.unexpected(lexed, "a value")),
        }
    }

    fn assignment(&mut self, word: &str, span: Span) -> Result<(), Told> {
        let lexed = self.next();
        if lexed.token == Token::Sign('.') {
            let part = self.next();
            let Token::Word(part_name) = part.token else {
                return Err(self.unexpected(part, "a name"));
            };
            self.equals()?;
            let whole = format!("{word}.{part_name}");
            let span = span.to(part.span);
            if globals::group_of(&whole).is_some() {
                return self.global(&whole, span);
            }
            return self.custom(word, part_name, span);
        }
        if lexed.token != Token::Sign('=') {
            let known = globals::group_of(word).is_some();
            if known {
                return Err(self.unexpected(lexed, "`=`"));
            }
            self.pending = Some(lexed);
            let candidates = STATEMENTS
                .iter()
                .chain(ROUTES)
                .copied()
                .chain(globals::names());
            let message = format!("`{word}` begins no statement");
            self.lexer
                .diagnostics
                .error(span, message, did_you_mean(word, candidates));
            return Err(Told);
        }
        self.global(word, span)
    }

    fn global(&mut self, name: &str, span: Span) -> Result<(), Told> {
        let Some(group) = globals::group_of(name) else {
            let candidates: Vec<&str> =
                STATEMENTS.iter().copied().chain(globals::names()).collect();
            let message = format!("there is no global parameter `{name}`");
            let fix = did_you_mean(name, candidates.iter().copied());
            // Without its `listen` a server would be open on every address.
            if nearest(name, candidates) == Some("listen") {
                self.lexer.diagnostics.error(span, message, fix);
            } else {
                self.lexer.diagnostics.warning(span, message, fix);
            }
            self.report.add(Class::NotSupported, name, "unknown", span);
            return Err(Told);
        };
        if name.starts_with("tcp_source_") {
            let (address, place) = self.lexer.address_word();
            let value = Value::Word(address);
            self.config.globals.push(Global {
                name: name.into(),
                value,
                span: span.to(place),
            });
            self.report.add(group.class, name, group.why, span);
            return Ok(());
        }
        let (value, place) = self.value()?;
        let wanted = match (group.takes, &value) {
            (Takes::Number, Value::Integer(_))
            | (Takes::Text, Value::Text(_))
            | (Takes::Name, Value::Text(_) | Value::Word(_))
            | (Takes::Word, Value::Word(_)) => None,
            (Takes::Number, _) => Some("a number"),
            (Takes::Text | Takes::Name, _) => Some("a string in quotes"),
            (Takes::Word, _) => Some("a bare word"),
        };
        if let Some(wanted) = wanted {
            let message = format!("`{name}` takes {wanted}, not {}", value.kind());
            self.lexer.diagnostics.error(place, message, "");
            return Ok(());
        }
        let port = matches!(name, "port" | "tls_port_no" | "advertised_port");
        if port
            && !value
                .integer()
                .is_some_and(|number| (1..=65_535).contains(&number))
        {
            self.lexer
                .diagnostics
                .error(place, "a port from 1 to 65535 is expected", "");
            return Ok(());
        }
        self.report.add(group.class, name, group.why, span);
        let span = span.to(place);
        self.config.globals.push(Global {
            name: name.into(),
            value,
            span,
        });
        Ok(())
    }

    fn custom(&mut self, group: &str, name: String, span: Span) -> Result<(), Told> {
        let (value, place) = self.value()?;
        let lexed = self.next();
        if lexed.token == Token::Word("desc".into()) || lexed.token == Token::Word("descr".into()) {
            self.text("a description in quotes")?;
        } else {
            self.pending = Some(lexed);
        }
        self.report.add(
            Class::Used,
            format!("{group}.{name}"),
            "custom variable",
            span,
        );
        let span = span.to(place);
        self.config.custom.push(CustomVariable {
            group: group.into(),
            name,
            value,
            span,
        });
        Ok(())
    }

    pub(crate) fn sign(&mut self, sign: char) -> Result<(), Told> {
        let lexed = self.next();
        if lexed.token == Token::Sign(sign) {
            return Ok(());
        }
        Err(self.unexpected(lexed, &format!("`{sign}`")))
    }
}

pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    nearest(word, candidates)
        .map(|name| format!("did you mean `{name}`?"))
        .unwrap_or_default()
}
