//! Who takes part, and the password: never from the command line, where others of the machine could see it.

use std::fs;
use std::path::Path;

use strowger_load::{Scenario, USERS_MAX, User, Users};

use super::args::LoadArgs;
use crate::exit::{Exit, Failure};

/// Users where none are named.
const USERS: u32 = 100;
/// Number of the first user where none is named.
const FIRST: &str = "1001";
/// Where a password may stand.
const PASSWORD_VARIABLE: &str = "STROWGER_PASSWORD";

/// The users of a scenario.
///
/// # Errors
/// The file cannot be read or holds none.
pub fn users(args: &LoadArgs, scenario: Scenario) -> Result<Users, Failure> {
    if let Some(file) = &args.accounts {
        let text = read(file)?;
        let users = parse(&text);
        if users.is_empty() || users.len() as u64 > USERS_MAX {
            let message = format!("{} holds {} users", file.display(), users.len());
            return Err(Failure::new(Exit::Failed, message)
                .fix(format!("1 to {USERS_MAX} lines `name,password`")));
        }
        return Ok(Users::Listed(users));
    }
    let first = args.from_number.as_deref().unwrap_or(FIRST);
    let prefix = match scenario {
        Scenario::Invite404 => "nobody",
        _ => "",
    };
    Ok(Users::Numbered {
        prefix: args.prefix.clone().unwrap_or_else(|| prefix.to_owned()),
        // Eighteen digits at most fit.
        first: first.parse().unwrap_or_default(),
        digits: first.len(),
        count: args.users.unwrap_or(USERS),
    })
}

/// The password of users without one of their own.
///
/// # Errors
/// The place that was named holds none.
pub fn password(args: &LoadArgs) -> Result<Option<String>, Failure> {
    if args.password_stdin {
        return crate::password::from_stdin()
            .map(Some)
            .map_err(|error| Failure::new(Exit::Failed, error.to_string()));
    }
    let Some(file) = &args.password_file else {
        return Ok(std::env::var(PASSWORD_VARIABLE)
            .ok()
            .filter(|text| !text.is_empty()));
    };
    let text = read(file)?;
    match text.lines().next().map(|line| line.trim_end_matches('\r')) {
        Some(line) if !line.is_empty() => Ok(Some(line.to_owned())),
        _ => Err(Failure::new(
            Exit::Failed,
            format!("the first line of {} is empty", file.display()),
        )),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("{} cannot be read: {error}", file.display()),
        )
    })
}

/// Lines `name`, `name,password` or `name;password`. Passed over are empty lines, comments, the words by which sipp's
/// files begin, and a line that names the columns.
fn parse(text: &str) -> Vec<User> {
    let lines = text.lines().map(str::trim).enumerate();
    let wanted = lines.filter(|(number, line)| {
        let first = line.split([',', ';']).next().unwrap_or_default();
        let heading = *number == 0
            && (["SEQUENTIAL", "RANDOM", "USER"].contains(&first)
                || first.eq_ignore_ascii_case("name"));
        !line.is_empty() && !line.starts_with('#') && !heading
    });
    wanted
        .map(|(_, line)| {
            let mut fields = line.split([',', ';']);
            User {
                name: fields.next().unwrap_or_default().trim().to_owned(),
                password: fields
                    .next()
                    .map(str::to_owned)
                    .filter(|text| !text.is_empty()),
            }
        })
        .filter(|user| !user.name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_ours_and_of_sipp_are_read() {
        for text in [
            "name,password\na,x\nb,y\n",
            "SEQUENTIAL\n# who\na;x;z\n\nb;y\n",
        ] {
            let users = parse(text);
            let pairs: Vec<_> = users
                .iter()
                .map(|user| (user.name.as_str(), user.password.as_deref()))
                .collect();
            assert_eq!(pairs, [("a", Some("x")), ("b", Some("y"))]);
        }
        assert_eq!(parse("1001\n")[0].password, None);
    }
}
