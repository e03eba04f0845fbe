//! `strowger user …`: accounts, through a running server or straight in its data folder.

use std::path::Path;

use serde_json::json;
use strowger_admin::{Imported, NewUser, Page, UserEntry, Users};
use strowger_registrar::Subscriber;
use strowger_store::{
    Accounts, Database, ImportFile, ImportMode, StoreError, User, account_with_password,
};

use super::{printable, say, say_json, table};
use crate::cli::UserCommand;
use crate::config::Algorithms;
use crate::exit::{Exit, Failure};
use crate::locate::{Given, Located, instance_with_file};
use crate::password;
use crate::socket_client::{Server, escaped};

/// Runs one of the account commands.
///
/// # Errors
/// See the single commands; whatever fails changes nothing.
pub fn run(given: Given<'_>, command: UserCommand, json: bool) -> Result<(), Failure> {
    if let UserCommand::Add {
        users, password, ..
    } = &command
        && password.password_stdin
        && users.len() > 1
    {
        return Err(Failure::new(
            Exit::Usage,
            "--password-stdin takes one user at a time",
        ));
    }
    let located = instance_with_file(given, Exit::Configuration)?;
    match command {
        UserCommand::Add {
            users,
            password,
            algorithms,
        } => add(&located, &users, password.password_stdin, &algorithms, json),
        UserCommand::Del { users } => delete(&located, &users, json),
        UserCommand::Passwd {
            user,
            password,
            random,
            algorithms,
        } => {
            let source = match (password.password_stdin, random) {
                (true, _) => PasswordFrom::Input,
                (_, true) => PasswordFrom::Chance,
                _ => PasswordFrom::Terminal,
            };
            change(&located, &user, source, &algorithms, json)
        }
        UserCommand::List { contains } => list(&located, contains.as_deref(), json),
        UserCommand::Import { file, replace } => import(&located, &file, replace, json),
    }
}

/// Where accounts are kept right now.
enum Keeper {
    Running(Server),
    Folder(Accounts),
}

impl Keeper {
    fn of(located: &Located) -> Result<Keeper, Failure> {
        if let Some(server) = located.server() {
            return Ok(Keeper::Running(server));
        }
        let database = Database::open_for_accounts(&located.folder()?)?;
        Ok(Keeper::Folder(Accounts::open(&database)?))
    }

    /// What a user may log in by; a failure if there is none.
    fn algorithms(&self, user: &User) -> Result<Algorithms, Failure> {
        match self {
            Keeper::Running(server) => {
                let entry: UserEntry =
                    server.get(&format!("/v1/users/{}", escaped(&user.to_string())))?;
                Ok(Algorithms::named(&entry.algorithms))
            }
            Keeper::Folder(accounts) => match accounts.get(user)? {
                Some(account) => Ok(Algorithms::of(&account)),
                None => Err(StoreError::UnknownUser(user.to_string()).into()),
            },
        }
    }

    /// Adds all or none.
    fn add(&mut self, new: &[Subscriber]) -> Result<(), Failure> {
        if let [account] = new {
            return match self {
                Keeper::Running(server) => server.order("POST", "/v1/users", Some(&wire(account))),
                Keeper::Folder(accounts) => Ok(accounts.add(account)?),
            };
        }
        // Who exists is looked for first, for an error that names the one.
        for account in new {
            let user = User {
                name: account.user.clone(),
                domain: account.domain.clone(),
            };
            match self.algorithms(&user) {
                Ok(_) => return Err(StoreError::UserExists(user.to_string()).into()),
                Err(failure) if failure.exit == Exit::NotRunning => return Err(failure),
                Err(_) => {}
            }
        }
        self.import(new, false).map(drop)
    }

    fn import(&mut self, accounts: &[Subscriber], replace: bool) -> Result<Imported, Failure> {
        match self {
            Keeper::Running(server) => {
                let users: Vec<NewUser> = accounts.iter().map(wire).collect();
                let body = json!({ "users": users, "replace": replace });
                server.order("POST", "/v1/import", Some(&body))
            }
            Keeper::Folder(kept) => {
                let present = kept.add_all(accounts, replace)?;
                match present.first().and_then(|at| accounts.get(*at)) {
                    Some(one) if !replace => {
                        Err(StoreError::UserExists(format!("{}@{}", one.user, one.domain)).into())
                    }
                    _ => Ok(Imported {
                        added: accounts.len() - present.len(),
                        replaced: present.len(),
                    }),
                }
            }
        }
    }

    fn change(&mut self, account: &Subscriber) -> Result<(), Failure> {
        match self {
            Keeper::Running(server) => server.order("PUT", "/v1/users", Some(&wire(account))),
            Keeper::Folder(accounts) => Ok(accounts.change(account)?),
        }
    }

    fn delete(&mut self, user: &User) -> Result<(), Failure> {
        match self {
            Keeper::Running(server) => server.order(
                "DELETE",
                &format!("/v1/users/{}", escaped(&user.to_string())),
                None::<&()>,
            ),
            Keeper::Folder(accounts) => Ok(accounts.delete(user)?),
        }
    }
}

fn wire(account: &Subscriber) -> NewUser {
    NewUser {
        user: format!("{}@{}", account.user, account.domain),
        ha1_md5: account.ha1.md5.map(|octets| hexadecimal(&octets)),
        ha1_sha256: account.ha1.sha256.map(|octets| hexadecimal(&octets)),
        ha1b_md5: account
            .ha1_with_domain
            .md5
            .map(|octets| hexadecimal(&octets)),
        ha1b_sha256: account
            .ha1_with_domain
            .sha256
            .map(|octets| hexadecimal(&octets)),
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Reads `name` or `name@domain`, and refuses users that stand in the configuration file.
fn user_of(located: &Located, text: &str) -> Result<User, Failure> {
    let text = text.strip_prefix("sip:").unwrap_or(text);
    let user = User::parse(text, &located.config.domains)?;
    match located
        .config
        .users
        .iter()
        .find(|one| *one.name == *user.name && one.domain == user.domain)
    {
        Some(configured) => Err(Failure::new(
            Exit::Failed,
            format!("the user {user} stands in the configuration file"),
        )
        .place(format!("{}:{}", located.config.file, configured.line))
        .fix("change it there, then `strowger reload`")),
        None => Ok(user),
    }
}

fn from_terminal(error: &std::io::Error) -> Failure {
    Failure::from_text(Exit::Failed, &error.to_string())
}

/// The users of a command line, each once.
fn users_of(located: &Located, names: &[String]) -> Result<Vec<User>, Failure> {
    let mut users: Vec<User> = Vec::with_capacity(names.len());
    for name in names {
        let user = user_of(located, name)?;
        if users.contains(&user) {
            return Err(Failure::new(
                Exit::Usage,
                format!("the user {user} is named twice"),
            ));
        }
        users.push(user);
    }
    Ok(users)
}

/// The algorithms asked for, refused where the user's realm offers none of them: nobody could log in.
fn useful(located: &Located, user: &User, algorithms: Algorithms) -> Result<Algorithms, Failure> {
    let offered = located.config.auth.offered(&user.domain);
    if algorithms.both(Algorithms::named(offered)).is_empty() {
        return Err(Failure::new(
            Exit::Failed,
            format!(
                "the realm {} offers {} alone: {user} could not log in with {}",
                user.domain,
                offered.join(" and "),
                algorithms.names().join(" and ")
            ),
        )
        .fix("offer it first: `algorithms` in [auth] or [[realm]]"));
    }
    Ok(algorithms)
}

fn add(
    located: &Located,
    names: &[String],
    from_stdin: bool,
    algorithms: &[String],
    json: bool,
) -> Result<(), Failure> {
    let users = users_of(located, names)?;
    let algorithms = match algorithms {
        [] => Algorithms::ALL,
        some => Algorithms::named(some),
    };
    let mut keeper = Keeper::of(located)?;
    let (mut accounts, mut secrets) = (Vec::new(), Vec::new());
    for user in &users {
        let algorithms = useful(located, user, algorithms)?;
        let secret = match from_stdin {
            true => password::from_stdin(),
            false => password::random(),
        };
        let secret = secret.map_err(|error| from_terminal(&error))?;
        accounts.push(algorithms.keep(account_with_password(user, &secret)?));
        secrets.push(secret);
    }
    keeper.add(&accounts)?;
    let mut added = Vec::new();
    for (user, secret) in users.iter().zip(secrets) {
        let (note, entry) = match from_stdin {
            true => (String::new(), json!({ "user": user.to_string() })),
            false => (
                format!("  password {secret}  (shown once)"),
                json!({ "user": user.to_string(), "password": secret }),
            ),
        };
        if !json {
            say(&format!("added {user}{note}\n"));
        }
        added.push(entry);
    }
    if json {
        say_json(&json!({ "added": added }));
    }
    Ok(())
}

fn delete(located: &Located, names: &[String], json: bool) -> Result<(), Failure> {
    let users = users_of(located, names)?;
    let mut keeper = Keeper::of(located)?;
    // All or none: whoever is missing is found before anybody is gone.
    for user in &users {
        keeper.algorithms(user)?;
    }
    for user in &users {
        keeper.delete(user)?;
        if !json {
            say(&format!("deleted {user}\n"));
        }
    }
    if json {
        say_json(&json!({ "deleted": users.iter().map(ToString::to_string).collect::<Vec<_>>() }));
    }
    Ok(())
}

/// Where a new password comes from.
#[derive(Copy, Clone, PartialEq, Eq)]
enum PasswordFrom {
    Input,
    Chance,
    Terminal,
}

fn change(
    located: &Located,
    name: &str,
    source: PasswordFrom,
    algorithms: &[String],
    json: bool,
) -> Result<(), Failure> {
    let user = user_of(located, name)?;
    let mut keeper = Keeper::of(located)?;
    let before = keeper.algorithms(&user)?;
    let algorithms = match algorithms {
        [] => before,
        some => useful(located, &user, Algorithms::named(some))?,
    };
    let secret = match source {
        PasswordFrom::Input => password::from_stdin(),
        PasswordFrom::Chance => password::random(),
        PasswordFrom::Terminal => password::ask(&format!("new password of {user}: "), true),
    };
    let secret = secret.map_err(|error| from_terminal(&error))?;
    keeper.change(&algorithms.keep(account_with_password(&user, &secret)?))?;
    let random = source == PasswordFrom::Chance;
    match (json, random) {
        (true, true) => say_json(&json!({ "changed": user.to_string(), "password": secret })),
        (true, false) => say_json(&json!({ "changed": user.to_string() })),
        (false, true) => say(&format!(
            "changed {user}  password {secret}  (shown once)\n"
        )),
        (false, false) => say(&format!("changed {user}\n")),
    }
    Ok(())
}

fn list(located: &Located, contains: Option<&str>, json: bool) -> Result<(), Failure> {
    let users = match Keeper::of(located)? {
        Keeper::Running(server) => all_users(&server, contains)?,
        Keeper::Folder(accounts) => users_in_folder(located, &accounts, contains)?,
    };
    if json {
        say_json(&json!({ "users": users, "total": users.len() }));
        return Ok(());
    }
    if users.is_empty() {
        match contains {
            Some(text) => say(&format!(
                "no accounts with `{}` in the name\n",
                printable(text)
            )),
            None => say("no accounts; add one with `strowger user add NAME`\n"),
        }
        return Ok(());
    }
    let mut rows = vec![
        ["USER", "ALGORITHMS", "REGISTRATIONS", "KEPT IN"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(users.iter().map(|entry| {
        let kept = if entry.configured {
            "configuration"
        } else {
            "store"
        };
        vec![
            printable(&entry.user),
            entry.algorithms.join(", "),
            entry.bindings.to_string(),
            kept.to_owned(),
        ]
    }));
    say(&table(&rows));
    Ok(())
}

fn all_users(server: &Server, contains: Option<&str>) -> Result<Vec<UserEntry>, Failure> {
    let mut all = Vec::new();
    loop {
        let filter = contains
            .map(|text| format!("&match={}", escaped(text)))
            .unwrap_or_default();
        let page: Users = server.get(&format!("/v1/users?offset={}{filter}", all.len()))?;
        let done = page.users.is_empty();
        all.extend(page.users);
        if done || all.len() >= page.total {
            return Ok(all);
        }
    }
}

fn users_in_folder(
    located: &Located,
    accounts: &Accounts,
    contains: Option<&str>,
) -> Result<Vec<UserEntry>, Failure> {
    let mut entries: Vec<UserEntry> = accounts
        .list()?
        .into_iter()
        .map(|account| UserEntry {
            user: format!("{}@{}", account.user, account.domain),
            algorithms: Algorithms::of(&account).names(),
            ..UserEntry::default()
        })
        .collect();
    for configured in &located.config.users {
        let user = format!("{}@{}", configured.name, configured.domain);
        entries.retain(|entry| entry.user != user);
        entries.push(UserEntry {
            user,
            algorithms: configured.algorithms.names(),
            configured: true,
            bindings: 0,
        });
    }
    let page = Page {
        contains: contains.map(str::to_owned),
        ..Page::default()
    };
    entries.retain(|entry| page.wants(&entry.user));
    entries.sort_by(|a, b| a.user.cmp(&b.user));
    Ok(entries)
}

fn import(located: &Located, file: &Path, replace: bool, json: bool) -> Result<(), Failure> {
    let domains = &located.config.domains;
    let read = if file == Path::new("-") {
        ImportFile::read(std::io::stdin().lock(), domains)?
    } else {
        let opened = std::fs::File::open(file).map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!(
                    "cannot read {}: {}",
                    file.display(),
                    error.to_string().to_lowercase()
                ),
            )
        })?;
        ImportFile::read(opened, domains)?
    };
    for account in read.accounts() {
        user_of(located, &format!("{}@{}", account.user, account.domain))?;
    }
    let imported = match Keeper::of(located)? {
        Keeper::Running(server) => Keeper::Running(server).import(read.accounts(), replace)?,
        Keeper::Folder(mut accounts) => {
            let mode = if replace {
                ImportMode::Replace
            } else {
                ImportMode::Add
            };
            let report = read.apply(&mut accounts, mode)?;
            Imported {
                added: report.added,
                replaced: report.replaced,
            }
        }
    };
    if json {
        say_json(&imported);
    } else {
        let replaced = if imported.replaced > 0 {
            format!(", {} replaced", imported.replaced)
        } else {
            String::new()
        };
        say(&format!("{} accounts added{replaced}\n", imported.added));
    }
    Ok(())
}
