//! Reads a configuration statement by statement, and goes on at the next line after a fault.

use super::diagnostic::Severity;
use super::lexer::{Lexed, Lexer, Token};
use super::modules;
use super::preprocessor::{Again, Definition, Preprocessor};
use super::report::{Class, CompatibilityReport};
use super::{KamailioConfig, Loader, Reading};

/// Engines whose routing is not read here.
const ENGINES_UNSUPPORTED: &[&str] = &["native", "python", "jsdt", "sqlang", "ruby"];

/// Reads a configuration. `name` is shown in messages, and files beside it may be included; `defines` are the `-A`
/// of the command line, `NAME` or `NAME=VALUE`.
pub fn read(name: &str, text: &str, defines: &[&str], loader: &mut dyn Loader) -> Reading {
    let mut preprocessor = Preprocessor::default();
    for define in defines {
        let (name, text) = define.split_once('=').unwrap_or((define, ""));
        let definition = Definition {
            text: text.to_owned(),
            span: None,
        };
        // A word given twice has its last value.
        let _ = preprocessor.define(name, definition, Again::Replace);
    }
    let mut lexer = Lexer::new(loader, preprocessor);
    lexer.open(name.to_owned(), text.into());
    let mut reader = Reader {
        lexer,
        config: KamailioConfig::default(),
        report: CompatibilityReport::default(),
        pending: None,
    };
    reader.statements();
    reader.finish()
}

/// The state of reading.
pub(crate) struct Reader<'l> {
    pub(crate) lexer: Lexer<'l>,
    pub(crate) config: KamailioConfig,
    pub(crate) report: CompatibilityReport,
    /// A token that was read and not used.
    pub(crate) pending: Option<Lexed>,
}

/// A fault that was told: the rest of the line is passed over.
pub(crate) struct Told;

impl Reader<'_> {
    fn statements(&mut self) {
        loop {
            let lexed = self.next();
            match lexed.token.clone() {
                Token::End => return,
                Token::Sign(';') => continue,
                Token::Word(word) => {
                    if self.statement(&word, &lexed).is_err() {
                        self.skip_line();
                    }
                }
                token => {
                    let message = format!("{} begins no statement", shown(&token));
                    self.lexer.diagnostics.error(lexed.span, message, "");
                    self.skip_line();
                }
            }
        }
    }

    pub(crate) fn next(&mut self) -> Lexed {
        match self.pending.take() {
            Some(lexed) => lexed,
            None => self.lexer.next(),
        }
    }

    /// Passes over tokens up to the first of another line.
    fn skip_line(&mut self) {
        loop {
            let lexed = self.next();
            if lexed.begins_line || lexed.token == Token::End {
                self.pending = Some(lexed);
                return;
            }
        }
    }

    fn finish(mut self) -> Reading {
        let diagnostics = &mut self.lexer.diagnostics;
        for open in self.lexer.preprocessor.unclosed() {
            diagnostics.error(open.span, "a conditional without `#!endif`", "");
        }
        self.check_engine();
        self.tell_routes();
        let mut diagnostics = self.lexer.diagnostics;
        diagnostics
            .list
            .sort_by_key(|one| (one.span.is_none(), one.span));
        self.report.sources = diagnostics.sources.clone();
        self.config.definitions = self.lexer.preprocessor.definitions;
        Reading {
            config: self.config,
            diagnostics,
            report: self.report,
        }
    }

    /// Route blocks are errors where they are the routing; beside a script they are passed over.
    fn tell_routes(&mut self) {
        let severity = match self.config.engine {
            Some(_) => Severity::Warning,
            None => Severity::Error,
        };
        for route in &self.config.routes {
            let message = format!("{route}: route blocks are not read yet");
            let fix = "write it in Lua, with `cfgengine \"lua\"`".to_owned();
            self.lexer
                .diagnostics
                .push(severity, Some(route.span), message, fix);
            let what = route.to_string();
            self.report.add(
                Class::NotSupported,
                what,
                "native routing language",
                route.span,
            );
        }
    }

    /// A script engine is there, with its module and its file.
    fn check_engine(&mut self) {
        let diagnostics = &mut self.lexer.diagnostics;
        let Some(engine) = &self.config.engine else {
            if self.config.routes.is_empty() {
                let message = "no routing: neither `cfgengine` nor a route block".to_owned();
                let fix = "cfgengine \"lua\"".to_owned();
                diagnostics.push(Severity::Error, None, message, fix);
            }
            return;
        };
        let span = engine.span;
        match engine.value.as_str() {
            "lua" if !self.config.has_module("app_lua") => {
                diagnostics.error(
                    span,
                    "the engine's module is not loaded",
                    "loadmodule \"app_lua.so\"",
                );
            }
            "lua" if self.config.script().is_none() => {
                let fix = "modparam(\"app_lua\", \"load\", \"FILE.lua\")";
                diagnostics.error(span, "the engine has no script", fix);
            }
            "lua" => self
                .report
                .add(Class::Used, "cfgengine \"lua\"", "routing", span),
            other => {
                let known = ENGINES_UNSUPPORTED.contains(&other);
                let message = match known {
                    true => format!("the engine \"{other}\" is not supported"),
                    false => format!("there is no engine \"{other}\""),
                };
                diagnostics.error(span, message, "cfgengine \"lua\"");
            }
        }
    }

    /// Every module that a pattern of `modparam` names, in the order of loading.
    pub(crate) fn matching_modules(
        &self,
        pattern: &str,
    ) -> Result<Vec<String>, crate::PatternError> {
        let whole = format!("^({pattern})$");
        let pattern = crate::compile(whole.as_bytes(), crate::PatternFlags::default())?;
        let names = self.config.modules.iter().map(|module| &module.name);
        Ok(names
            .filter(|name| pattern.is_match(name.as_bytes()))
            .cloned()
            .collect())
    }

    /// The module that a mistyped name was meant to be.
    pub(crate) fn nearest_module(name: &str) -> String {
        super::nearest::nearest(name, modules::names())
            .map(|name| format!("did you mean `{name}`?"))
            .unwrap_or_default()
    }
}

/// A token for a message.
pub(crate) fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) => format!("`{word}`"),
        Token::Integer(number) => format!("`{number}`"),
        Token::Text(_) => "a string".into(),
        Token::Sign(sign) => format!("`{sign}`"),
        Token::End => "the end of the file".into(),
    }
}
