//! `strowger reload`: the running server takes over the changed configuration, all of it or nothing.

use strowger_admin::Reloaded;

use super::{say, say_json};
use crate::exit::{Exit, Failure};
use crate::locate::{Given, instance_with_file};

fn unchanged(mut failure: Failure) -> Failure {
    failure.message = failure.message.replace(
        "nothing was changed",
        "nothing was changed, the running configuration stays active",
    );
    failure
}

/// Checks the file here, where its errors are best shown, then asks the server to take it over.
///
/// # Errors
/// The server does not run, or the file has errors: then the running configuration stays active.
pub fn run(given: Given<'_>, json: bool) -> Result<(), Failure> {
    // Reading the file here shows its errors best.
    let located = instance_with_file(given, Exit::NotRunning).map_err(unchanged)?;
    let server = located.running()?;
    let reloaded: Reloaded = server.order("POST", "/v1/reload", None::<&()>)?;
    if json {
        say_json(&reloaded);
        return Ok(());
    }
    say(&reloaded.warnings);
    if reloaded.needs_restart.is_empty() {
        say("reloaded\n");
    } else {
        say(&format!(
            "reloaded; needs a restart to take effect: {}\n",
            reloaded.needs_restart.join(", ")
        ));
    }
    Ok(())
}
