//! Takes over a changed configuration while the server runs: all of it or nothing.

use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use strowger_admin::{ControlError, Reloaded};
use strowger_element::Input;

use super::accounts::control_error;
use super::lines::Names;
use super::live::Live;
use super::settings::element;
use crate::config::Config;
use crate::exit::Failure;
use crate::kamailio::Stores;
use crate::origin::Origin;

impl Live {
    /// Reads the file again and takes it over: all or nothing.
    pub(super) fn take_over(&self) -> Result<Reloaded, ControlError> {
        if self.origin.path().is_none() {
            return Err(ControlError::Invalid(
                "a trial has no configuration file; `strowger init` writes one for real use".into(),
            ));
        }
        let located = self.origin.load().map_err(|failure| unchanged(&failure))?;
        let (mut config, report) = (located.config, located.report);
        if let Origin::Script { file: None, .. } = self.origin {
            // Its free port was found at the start.
            config.listen = self.config.load().listen.clone();
        }
        if let Some(script) = &config.script {
            script.try_load().map_err(|failure| unchanged(&failure))?;
        }
        let mut stores = Stores::load(&config).map_err(|failure| unchanged(&failure))?;
        for user in &config.users {
            super::accounts::configured(user).map_err(control_error)?;
        }
        let old = self.config.load_full();
        let needs_restart = needs_restart(&old, &config);
        let effective = with_fixed_parts(config, &old);
        let mut settings = element(&effective, &self.listeners, &self.lines);
        settings.shards = self.settings.load().shards;
        let settings = Arc::new(settings);
        self.accounts.forget(&old, self.table());
        let hiding = self
            .accounts
            .fill(
                &effective,
                std::mem::take(&mut stores.accounts),
                self.table(),
            )
            .map_err(control_error)?;
        let mut warnings = report.to_string();
        let mut told = hiding.clone();
        told.append(&mut stores.warnings);
        let script = effective.script.as_deref();
        told.extend(stores.fill(script, &self.shared.scripts, self.driver.now()));
        for warning in &told {
            tracing::warn!("{warning}");
            warnings.push_str(&format!("warning: {warning}\n"));
        }
        self.hiding.store(Arc::new(hiding));
        self.settings.store(settings.clone());
        self.ingress.reconfigure(settings.clone());
        self.driver
            .deliver_to_all(|_| Input::Reconfigure(settings.clone()));
        self.log.set(&effective.log);
        self.hub
            .set_refusals_max(effective.log.refusals_per_second_max);
        self.hub.set_names(Names::of(&effective, &self.listeners));
        self.config.store(Arc::new(effective));
        *self
            .configured_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = SystemTime::now();
        self.refresh_interest();
        Ok(Reloaded {
            warnings,
            needs_restart,
        })
    }
}

/// A failure of a reload: what ran before goes on.
fn unchanged(failure: &Failure) -> ControlError {
    let mut failure = failure.clone();
    let stays = "nothing was changed, the running configuration stays active";
    if failure.report.is_none() {
        return ControlError::Configuration(format!("{}; {stays}", failure.message));
    }
    failure.message = failure.message.replace("nothing was changed", stays);
    ControlError::Configuration(failure.to_string())
}

/// Keys whose change takes effect only after a restart.
fn needs_restart(old: &Config, new: &Config) -> Vec<String> {
    let written = |config: &Config| {
        config
            .listen
            .iter()
            .map(|one| one.text.clone())
            .collect::<Vec<_>>()
    };
    let sql = |config: &Config| {
        let script = config.script.as_ref();
        script.map(|script| script.values("sqlops", "sqlcon").to_vec())
    };
    let tcp = |config: &Config| {
        let limits = &config.limits;
        let counts = (limits.connections_max, limits.connections_per_source_max);
        (
            counts,
            limits.connection_idle_seconds,
            limits.connect_timeout_ms,
            limits.message_timeout_ms,
            limits.queue_delay_ms_max,
        )
    };
    let changes = [
        ("listen", written(old) != written(new)),
        ("advertise", old.advertise != new.advertise),
        ("data", old.data != new.data),
        ("durability", old.durability != new.durability),
        ("workers", old.workers != new.workers),
        ("shards", old.shards != new.shards),
        ("[admin]", old.admin != new.admin),
        ("[dns]", old.dns != new.dns),
        ("sqlops.sqlcon", sql(old) != sql(new)),
        ("[log] format", old.log.json != new.log.json),
        ("connection limits in [limits]", tcp(old) != tcp(new)),
    ];
    changes
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The new configuration with what a running process cannot change left as it was.
fn with_fixed_parts(new: Config, old: &Config) -> Config {
    Config {
        listen: old.listen.clone(),
        advertise: old.advertise.clone(),
        data: old.data.clone(),
        durability: old.durability,
        workers: old.workers,
        shards: old.shards,
        admin: old.admin.clone(),
        dns: old.dns.clone(),
        ..new
    }
}
