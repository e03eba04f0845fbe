//! `loadmodule` and `modparam`.

use super::modules;
use super::reader::{Reader, Told};
use super::report::Class;
use super::source::Span;
use super::statement::did_you_mean;
use super::value::Value;
use super::{LoadedModule, ModuleParameter};

impl Reader<'_> {
    pub(crate) fn load_module(&mut self, span: Span) -> Result<(), Told> {
        let (path, place) = self.text("a module in quotes")?;
        let file = path.rsplit('/').next().unwrap_or_default();
        let name = file.strip_suffix(".so").unwrap_or(file).to_owned();
        let span = span.to(place);
        match modules::module(&name) {
            Some(module) => self.report.add(module.class, &name, module.why, span),
            None => {
                let message = format!("the module `{name}` is not known");
                self.lexer
                    .diagnostics
                    .warning(place, message, Self::nearest_module(&name));
                self.report
                    .add(Class::NotSupported, &name, "unknown module", span);
            }
        }
        if !self.config.has_module(&name) {
            self.config.modules.push(LoadedModule { name, span });
        }
        Ok(())
    }

    pub(crate) fn module_parameter(&mut self, span: Span) -> Result<(), Told> {
        self.sign('(')?;
        let (pattern, module_place) = self.text("a module in quotes")?;
        self.sign(',')?;
        let (name, name_place) = self.text("a parameter in quotes")?;
        self.sign(',')?;
        let (value, value_place) = self.value()?;
        self.sign(')')?;
        if let Value::Word(word) = &value {
            let message = format!("`{word}` is not defined");
            self.lexer
                .diagnostics
                .error(value_place, message, "a number or a string in quotes");
            return Ok(());
        }
        let found = match self.matching_modules(&pattern) {
            Ok(found) => found,
            Err(error) => {
                self.lexer.diagnostics.error(module_place, error.0, "");
                return Ok(());
            }
        };
        if found.is_empty() {
            let message = format!("no module \"{pattern}\" is loaded");
            let fix = match pattern.strip_suffix(".so") {
                Some(name) => format!("write \"{name}\""),
                None => "loadmodule comes first".into(),
            };
            self.lexer.diagnostics.error(module_place, message, fix);
        }
        for module in found {
            let known = self.known_parameter(&module, &name, &value, name_place, value_place);
            let what = format!("{module}.{name}");
            let refused =
                modules::module(&module).is_some_and(|one| one.class == Class::NotSupported);
            let why = match known {
                Class::NotSupported if refused => "its module is not supported",
                Class::NotSupported => "unknown parameter",
                Class::Used | Class::NoEffect => "module parameter",
            };
            self.report.add(known, what, why, span);
            let parameter = ModuleParameter {
                module,
                name: name.clone(),
                value: value.clone(),
                span,
            };
            self.config.parameters.push(parameter);
        }
        Ok(())
    }

    /// What becomes of a parameter; tells if it is not known or takes something else.
    fn known_parameter(
        &mut self,
        module: &str,
        name: &str,
        value: &Value,
        name_place: Span,
        value_place: Span,
    ) -> Class {
        let Some(known) = modules::module(module) else {
            return Class::NotSupported;
        };
        if known.class != Class::Used {
            return known.class;
        }
        let Some((takes, class)) = known.parameter(name) else {
            let message = format!("the module `{module}` has no parameter `{name}`");
            let fix = did_you_mean(name, known.parameters());
            self.lexer.diagnostics.warning(name_place, message, fix);
            return Class::NotSupported;
        };
        let fits = match takes {
            modules::Takes::Number => value.integer().is_some(),
            modules::Takes::Text => value.text().is_some(),
            modules::Takes::Any => true,
        };
        if !fits {
            let wanted = if takes == modules::Takes::Number {
                "a number"
            } else {
                "a string"
            };
            let message = format!("`{name}` takes {wanted}, not {}", value.kind());
            self.lexer.diagnostics.error(value_place, message, "");
        }
        class
    }
}
