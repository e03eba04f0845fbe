//! How the program ends: exit codes, and errors that say what to do.

use std::fmt;
use std::process::ExitCode;

/// Exit codes, the same for all commands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It could not be done.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The configuration has errors, or there is none.
    Configuration = 3,
    /// The server does not run.
    NotRunning = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong.
    pub message: String,
    /// Where, `file:line:column`.
    pub place: Option<String>,
    /// What to do.
    pub fix: Option<String>,
    /// A whole report in the place of the message: the errors of a configuration.
    pub report: Option<Box<(String, serde_json::Value)>>,
}

impl Failure {
    /// A failure without advice.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            message: message.into(),
            place: None,
            fix: None,
            report: None,
        }
    }

    /// With advice.
    pub fn fix(mut self, fix: impl Into<String>) -> Failure {
        self.fix = Some(fix.into());
        self
    }

    /// With a place.
    pub fn place(mut self, place: impl Into<String>) -> Failure {
        self.place = Some(place.into());
        self
    }

    /// From a text that gives its advice after a semicolon, as the store's errors do.
    pub fn from_text(exit: Exit, text: &str) -> Failure {
        match text.split_once("; ") {
            Some((message, fix)) if !text.contains('\n') => Failure::new(exit, message).fix(fix),
            _ => Failure::new(exit, text.trim_end()),
        }
    }

    /// As `--json` prints it.
    pub fn to_json(&self) -> serde_json::Value {
        let mut value = serde_json::json!({ "error": self.message, "exit": self.exit as u8 });
        if let Some(object) = value.as_object_mut() {
            let texts = [("place", &self.place), ("fix", &self.fix)];
            for (name, text) in texts
                .iter()
                .filter_map(|(name, text)| text.as_ref().map(|text| (*name, text)))
            {
                object.insert(name.to_owned(), text.clone().into());
            }
            if let Some(report) = self.report.as_deref().map(|(_, value)| value) {
                object.insert("diagnostics".to_owned(), report.clone());
            }
        }
        value
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((text, _)) = self.report.as_deref() {
            f.write_str(text)?;
            return write!(f, "note: {}", self.message);
        }
        write!(f, "error: {}", self.message)?;
        if let Some(place) = &self.place {
            write!(f, "\n  --> {place}")?;
        }
        self.fix
            .as_ref()
            .map_or(Ok(()), |fix| write!(f, "\n  try: {fix}"))
    }
}

impl From<strowger_store::StoreError> for Failure {
    fn from(error: strowger_store::StoreError) -> Failure {
        Failure::from_text(Exit::Failed, &error.to_string())
    }
}

impl From<strowger_admin::ControlError> for Failure {
    fn from(error: strowger_admin::ControlError) -> Failure {
        let text = error.message();
        if !matches!(error, strowger_admin::ControlError::Configuration(_)) {
            return Failure::from_text(Exit::Failed, text);
        }
        // The server's report of its file: diagnostics, then a note.
        match text.trim_end().rsplit_once("\nnote: ") {
            Some((report, note)) => {
                let mut failure = Failure::new(Exit::Configuration, note);
                failure.report = Some(Box::new((format!("{report}\n"), report.into())));
                failure
            }
            None => Failure::from_text(Exit::Configuration, text),
        }
    }
}
