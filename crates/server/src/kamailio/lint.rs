//! What the script of a configuration should change: found without running a route of it.

use std::fmt::{self, Write};
use std::sync::Arc;

use serde_json::{Value, json};
use strowger_lua::{Finding, ScriptError};

use super::{Script, ScriptLines};
use crate::exit::{Exit, Failure};

/// Findings of one script.
#[derive(Clone, Debug, Default)]
pub struct ScriptFindings {
    /// The file's name, as the configuration leads to it.
    file: String,
    /// The file's text.
    text: String,
    /// In the order of their places.
    pub list: Vec<Finding>,
}

impl Script {
    /// Loads the script as a shard would, once.
    ///
    /// # Errors
    /// It does not load: the failure says where and why.
    pub fn try_load(&self) -> Result<(), Failure> {
        let log = Arc::new(ScriptLines::new(self.log_level));
        let loaded = self.factory(log).try_load();
        loaded.map_err(|error| self.does_not_load(&error))
    }

    /// The error of a script, in the form of those of a configuration.
    fn does_not_load(&self, error: &ScriptError) -> Failure {
        let file = match error.file.as_str() {
            "" => self.path(),
            file => self.path().with_file_name(file),
        };
        let place = match error.line {
            0 => file.display().to_string(),
            line => format!("{}:{line}", file.display()),
        };
        let mut text = format!("error: {}\n", error.message);
        match &error.excerpt {
            Some(excerpt) => {
                let number = error.line.to_string();
                let (blank, before) = (number.len(), excerpt.column.saturating_sub(1));
                text += &format!("  --> {place}:{}\n", excerpt.column);
                text += &format!(" {number} | {}\n", excerpt.text.replace('\t', " "));
                text += &format!(" {:blank$} | {:before$}^\n", "", "");
            }
            None => text += &format!("  --> {place}\n"),
        }
        for line in &error.traceback {
            text += &format!("  {line}\n");
        }
        let json = json!([{
            "severity": "error",
            "message": error.message,
            "file": file.display().to_string(),
            "line": error.line,
        }]);
        let mut failure = Failure::new(
            Exit::Configuration,
            "the script does not load; nothing was changed",
        );
        failure.report = Some(Box::new((text, json)));
        failure
    }

    /// Looks through the script for what will not do what it seems to.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn lint(&self) -> Result<ScriptFindings, Failure> {
        let path = self.path();
        let text = super::machine::read_file(&path).map_err(|error| {
            let message = format!("cannot read {}: {error}", path.display());
            Failure::new(Exit::Configuration, message)
        })?;
        let log = Arc::new(ScriptLines::new(self.log_level));
        let known = self.factory(log).table().signatures();
        let mut list = strowger_lua::check(&text, "KSR", &known);
        let answers: strowger_lua::Answers<'_> = &strowger_kamailio::kemi::answers;
        let unanswered = strowger_lua::check_answers(&text, "KSR", "ksr_request_route", answers);
        list.extend(unanswered);
        Ok(ScriptFindings {
            file: path.display().to_string(),
            list,
            text,
        })
    }
}

impl ScriptFindings {
    /// As `check --json` prints them, like those of a configuration.
    pub fn to_json(&self) -> Vec<Value> {
        let entries = self.list.iter().map(|one| {
            json!({
                "severity": "warning",
                "message": one.text,
                "file": self.file,
                "line": one.line,
                "column": one.column,
                "fix": one.fix,
            })
        });
        entries.collect()
    }

    fn write_one(&self, one: &Finding, out: &mut dyn Write) -> fmt::Result {
        let line = usize::try_from(one.line).unwrap_or(1).max(1);
        let column = usize::try_from(one.column).unwrap_or(1).max(1);
        let text = self.text.lines().nth(line - 1).unwrap_or_default();
        let number = line.to_string();
        writeln!(out, "warning: {}", one.text)?;
        writeln!(out, "  --> {}:{line}:{column}", self.file)?;
        writeln!(out, " {number} | {}", text.trim_end().replace('\t', " "))?;
        let fix = one
            .fix
            .as_ref()
            .map_or_else(String::new, |fix| format!(" write {fix}"));
        let blank = number.len();
        writeln!(out, " {:blank$} | {:2$}^{fix}", "", "", column - 1)
    }
}

impl fmt::Display for ScriptFindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.iter().try_for_each(|one| self.write_one(one, f))
    }
}
