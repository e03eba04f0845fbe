//! Blocks of the native routing language, which are passed over.

use super::RouteBlock;
use super::lexer::Token;
use super::reader::{Reader, Told};
use super::source::Span;

impl Reader<'_> {
    /// Passes over a block of the native language.
    pub(crate) fn route(&mut self, kind: &str, span: Span) -> Result<(), Told> {
        let mut name = String::new();
        let mut lexed = self.next();
        if lexed.token == Token::Sign('[') {
            loop {
                lexed = self.next();
                match &lexed.token {
                    Token::Sign(']') => break,
                    Token::Sign('{') | Token::End => return Err(self.unexpected(lexed, "`]`")),
                    Token::Word(word) => name.push_str(word),
                    Token::Text(text) => name.push_str(text),
                    Token::Integer(number) => name.push_str(&number.to_string()),
                    Token::Sign(sign) => name.push(*sign),
                }
            }
            lexed = self.next();
        }
        if lexed.token != Token::Sign('{') {
            return Err(self.unexpected(lexed, "`{`"));
        }
        let open = lexed.span;
        let mut depth = 1_usize;
        while depth > 0 {
            let lexed = self.next();
            match lexed.token {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => depth -= 1,
                Token::Sign('$') => self.lexer.skip_variable(),
                Token::End => {
                    self.lexer
                        .diagnostics
                        .error(open, "a block without `}`", "");
                    return Ok(());
                }
                _ => {}
            }
        }
        self.config.routes.push(RouteBlock {
            kind: kind.into(),
            name,
            span,
        });
        Ok(())
    }
}
