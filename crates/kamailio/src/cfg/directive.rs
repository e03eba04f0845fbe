//! The directives of the preprocessor: `#!define`, `#!ifdef`, `#!subst`, `include_file` and their kin. `!!` begins
//! one as well as `#!`.

use super::lexer::Lexer;
use super::preprocessor::{Again, Definition};
use super::scan::{unquoted, word_octets};
use super::source::Span;

/// Marks of the dialect in the first line; nothing follows from them.
const DIALECTS: &[&str] = &["KAMAILIO", "SER", "OPENSER", "ALL", "MAXCOMPAT"];

impl Lexer<'_> {
    /// Obeys the directive that comes next. An unknown one is a comment, as it is to Kamailio.
    pub(crate) fn directive(&mut self) {
        let octets = word_octets(self.rest().get(2..).unwrap_or_default());
        let span = self.here(octets + 2);
        let name = self
            .rest()
            .get(2..octets + 2)
            .unwrap_or_default()
            .to_owned();
        self.advance(octets + 2);
        let active = self.preprocessor.is_active();
        match name.as_str() {
            "ifdef" | "ifndef" => return self.conditional(span, name == "ifdef"),
            "else" => return self.other_side(span),
            "endif" => {
                if !self.preprocessor.close() {
                    self.diagnostics
                        .error(span, "`#!endif` without `#!ifdef`", "");
                }
                return self.end_of_directive();
            }
            // Counted, so that the ends of those that are skipped match.
            "ifexp" => {
                if active {
                    let fix = "use `#!ifdef`";
                    self.diagnostics
                        .error(span, "`#!ifexp` is not supported", fix);
                }
                self.preprocessor.open(span, false);
                return self.end_of_directive();
            }
            _ if !active => return self.end_of_directive(),
            _ => {}
        }
        match name.as_str() {
            "define" | "def" => self.define(span, Again::Refuse),
            "redefine" | "redef" => self.define(span, Again::Replace),
            "trydefine" | "trydef" => self.define(span, Again::Keep),
            "subst" | "substdef" | "substdefs" => self.substitution(span, &name),
            "include_file" | "import_file" => {
                self.inclusion(span, name == "include_file");
            }
            "defexp" | "defexps" | "defenv" | "defenvs" | "trydefenv" | "trydefenvs" => {
                let fix = "use `#!define`, or -A on the command line";
                self.diagnostics
                    .error(span, format!("`#!{name}` is not supported"), fix);
                self.end_of_directive();
            }
            _ => {
                let text = self.end_of_line();
                let known = DIALECTS.contains(&name.as_str()) || text.starts_with('/');
                if !known && !name.is_empty() {
                    let message =
                        format!("`#!{name}` is no directive; the line is read as a comment");
                    self.diagnostics.warning(span, message, "");
                }
            }
        }
    }

    fn conditional(&mut self, span: Span, wanted: bool) {
        let active = self.preprocessor.is_active();
        let (name, place) = self.word_on_line();
        if name.is_empty() && active {
            self.diagnostics
                .error(span, "a conditional without a name", "`#!ifdef NAME`");
        }
        let defined = self.preprocessor.definitions.contains_key(&name);
        if !self.preprocessor.open(span.to(place), defined == wanted) {
            self.diagnostics
                .error(span, "more than 64 conditionals inside one another", "");
        }
        self.end_of_directive();
    }

    fn other_side(&mut self, span: Span) {
        match self.preprocessor.turn() {
            None => self
                .diagnostics
                .error(span, "`#!else` without `#!ifdef`", ""),
            Some(before) if before.has_else => {
                let place = self.diagnostics.sources.place(before.span);
                let message = format!("a second `#!else` of the conditional at {place}");
                self.diagnostics.warning(span, message, "");
            }
            Some(_) => {}
        }
        self.end_of_directive();
    }

    fn define(&mut self, span: Span, again: Again) {
        let (name, place) = self.word_on_line();
        if name.is_empty() {
            self.diagnostics
                .error(span, "a definition without a name", "`#!define NAME VALUE`");
            self.end_of_line();
            return;
        }
        let text = definition_text(&self.end_of_line());
        let new = Definition {
            text,
            span: Some(place),
        };
        if let Err(old) = self.preprocessor.define(&name, new, again) {
            let by = match old.span {
                Some(first) => format!("at {}", self.diagnostics.sources.place(first)),
                None => "on the command line".into(),
            };
            let message = format!("`{name}` is already defined {by}");
            self.diagnostics
                .error(place, message, "`#!redefine` replaces, `#!trydef` keeps");
        }
    }

    fn substitution(&mut self, span: Span, directive: &str) {
        let Some((text, place)) = self.string_on_line() else {
            let fix = "`#!subst \"/expression/replacement/flags\"`";
            self.diagnostics
                .error(span, format!("`#!{directive}` without a string"), fix);
            self.end_of_line();
            return;
        };
        match self.preprocessor.substitute(&text) {
            Err(error) => self
                .diagnostics
                .error(place, error.0, "`/expression/replacement/flags`"),
            Ok(_) if directive == "subst" => {}
            Ok((word, _)) if word_octets(&word) != word.len() || word.is_empty() => {
                let message = format!("`{word}` cannot be defined");
                self.diagnostics
                    .error(place, message, "letters, digits and `_`, no digit first");
            }
            Ok((word, replacement)) => {
                let text = match directive {
                    "substdefs" => format!("\"{replacement}\""),
                    _ => replacement,
                };
                let definition = Definition {
                    text,
                    span: Some(place),
                };
                // A second one replaces the first.
                let _ = self.preprocessor.define(&word, definition, Again::Replace);
            }
        }
        self.end_of_directive();
    }

    /// `include_file "name"` and `import_file "name"`, with or without `#!`: the latter may name what is not there.
    pub(crate) fn inclusion(&mut self, span: Span, required: bool) {
        let Some((name, place)) = self.string_on_line() else {
            self.diagnostics
                .error(span, "no file name", "the name stands in quotes");
            self.end_of_line();
            return;
        };
        let first = self
            .diagnostics
            .sources
            .files()
            .first()
            .map_or("", |file| &file.name);
        let folder = first
            .rfind('/')
            .map(|at| first.get(..=at).unwrap_or_default());
        let beside = folder
            .filter(|_| !name.starts_with('/'))
            .map(|folder| format!("{folder}{name}"));
        let loaded = match self.loader.load(&name) {
            Ok(text) => Ok((name.clone(), text)),
            Err(error) => match &beside {
                Some(path) => self.loader.load(path).map(|text| (path.clone(), text)),
                None => Err(error),
            },
        };
        match loaded {
            Ok((path, text)) => {
                if !self.open(path, text.into()) {
                    let message = format!("{name} includes itself, or too many files are included");
                    self.diagnostics.error(place, message, "");
                }
            }
            Err(error) if required => self
                .diagnostics
                .error(place, format!("{name}: {error}"), ""),
            Err(_) => {}
        }
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        let octets = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        self.advance(octets);
    }

    fn word_on_line(&mut self) -> (String, Span) {
        self.skip_blanks();
        let rest = self.rest();
        let word = rest.get(..word_octets(rest)).unwrap_or_default().to_owned();
        let span = self.here(word.len());
        self.advance(word.len());
        (word, span)
    }

    fn string_on_line(&mut self) -> Option<(String, Span)> {
        self.skip_blanks();
        if !self.rest().starts_with(['"', '\'']) {
            return None;
        }
        let mut text = String::new();
        let (octets, closed) = unquoted(self.rest(), &mut text);
        let span = self.here(octets);
        if !closed || text.contains('\n') {
            return None;
        }
        self.advance(octets);
        Some((self.preprocessor.substituted(text), span))
    }

    /// Reads to the end of the line; a backslash there goes on with the next one.
    fn end_of_line(&mut self) -> String {
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let octets = rest.find('\n').unwrap_or(rest.len());
            let line = rest
                .get(..octets)
                .unwrap_or_default()
                .trim_end_matches('\r');
            let more = line.strip_suffix('\\').filter(|_| octets < rest.len());
            out.push_str(more.unwrap_or(line));
            let done = more.is_none();
            self.advance(octets + usize::from(!done));
            if done {
                return out;
            }
        }
    }

    /// Passes over what stands behind a directive that is complete; in what is skipped it may be anything.
    fn end_of_directive(&mut self) {
        let rest = self.rest();
        let octets = rest.find('\n').unwrap_or(rest.len());
        let text = rest.get(..octets).unwrap_or_default().trim();
        let span = self.here(octets);
        let comment = text.starts_with('#') || text.starts_with("//") || text.starts_with("/*");
        if !text.is_empty() && !comment && self.preprocessor.is_active() {
            let message = "what stands behind the directive is passed over";
            self.diagnostics.warning(span, message, "");
        }
        self.advance(octets);
    }
}

/// The text of a definition, without blanks around it and without a comment behind it.
fn definition_text(text: &str) -> String {
    let mut quote = None;
    let mut before = ' ';
    let mut end = text.len();
    for (at, character) in text.char_indices() {
        match quote {
            Some(open) if character == open && before != '\\' => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None if character == '#' && before.is_whitespace() => {
                end = at;
                break;
            }
            None => {}
        }
        before = character;
    }
    text.get(..end).unwrap_or_default().trim().to_owned()
}
