//! What a script of Kamailio's changes of the element's settings: its habits where they differ on purpose from the RFC,
//! and the parameters that have no key in the configuration file.

use std::sync::Arc;
use std::time::Duration;

use strowger_element::{Compatibility, MalformedReasons, Settings};
use strowger_kamailio::KamailioProfile;
use strowger_kamailio::kemi::KemiFactory;
use strowger_registrar::{PathMode, RegistrarProfile};
use strowger_routing::PolicyChoice;

use crate::config::Config;
use crate::kamailio::{Script, ScriptLines};

/// What Kamailio says of an INVITE that it relays.
const TRYING: &str = "trying -- your call is important to us";
/// What it says to a CANCEL.
const CANCELING: &str = "canceling";
/// `fr_timer` where nothing is said, in milliseconds.
const FR_TIMER_MS: i64 = 30_000;

/// Makes policies of the configuration's script; `None` without one.
pub fn factory(config: &Config, lines: &Arc<ScriptLines>) -> Option<KemiFactory> {
    let script = config.script.as_ref()?;
    lines.set_level(script.log_level);
    Some(script.factory(lines.clone()))
}

/// Puts a script's policy and habits into the settings.
pub fn overlay(config: &Config, factory: KemiFactory, settings: &mut Settings) {
    settings.policy = PolicyChoice::Program(Arc::new(factory));
    let Some(script) = &config.script else {
        return;
    };
    let profile = KamailioProfile::default();
    settings.one_domain = script.is_one_domain();
    timers(script, profile, settings);
    settings.compatibility = compatibility(script);
    settings.registrar.profile = RegistrarProfile {
        raises_brief_expiry: profile.raises_brief_expiry,
        accepts_equal_cseq: profile.accepts_equal_cseq,
        lists_as_kamailio: true,
        keeps_methods: script.int("registrar", "method_filtering").unwrap_or(0) != 0,
    };
    settings.registrar.date = false;
    settings.registrar.path = path(script);
    settings.registrar.outbound = script.int("registrar", "outbound_mode").unwrap_or(0) != 0;
    // A challenge has qop if the script's flags or the parameter ask for it; credentials without it are taken.
    settings.auth.qop_required = script.qop() == Some("auth");
}

fn timers(script: &Script, profile: KamailioProfile, settings: &mut Settings) {
    let timers = &mut settings.timers;
    timers.timer_a_capped_at_t2 = profile.timer_a_capped_at_t2;
    timers.non_invite_408 = profile.non_invite_408;
    settings.proxy.non_invite_408 = profile.non_invite_408;
    settings.proxy.quiet_after_cancel = true;
    let usual = script.kamailio_defaults.then_some(FR_TIMER_MS);
    if let Some(millis) = script.int("tm", "fr_timer").or(usual) {
        let millis = u64::try_from(millis.clamp(100, 600_000)).unwrap_or(30_000);
        timers.timer_b = Duration::from_millis(millis);
        timers.timer_f = Duration::from_millis(millis);
    }
    if script.int("tm", "auto_inv_100") == Some(0) {
        timers.trying_after = None;
    }
}

fn compatibility(script: &Script) -> Compatibility {
    let trying = script
        .text("tm", "auto_inv_100_reason")
        .unwrap_or(TRYING)
        .into();
    let wanted = script.int("tm", "auto_inv_100") != Some(0);
    Compatibility {
        trying_reason: wanted.then_some(trying),
        cancel_reason: Some(CANCELING.into()),
        failure_statuses: true,
        silent_on_program_failure: false,
        own_challenges: true,
        malformed: MalformedReasons {
            cseq_method: Some("CSeq method does not match request method".into()),
            content_length: Some("Content-Length mis-match".into()),
        },
    }
}

fn path(script: &Script) -> PathMode {
    let used = script.int("registrar", "use_path").unwrap_or(0) != 0;
    match script.int("registrar", "path_mode") {
        _ if !used => PathMode::Ignore,
        Some(0 | 1) => PathMode::Lenient,
        _ => PathMode::Strict,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use strowger_kamailio::cfg::Value;

    use super::*;

    fn overlaid(kamailio_defaults: bool, parameters: &[(&str, &str, Value)]) -> Settings {
        let mut config = crate::trial::defaults(Path::new(""));
        let mut script = Script::new(Path::new("main.lua"));
        script.kamailio_defaults = kamailio_defaults;
        for (module, name, value) in parameters {
            script.add_parameter(module, name, value.clone());
        }
        config.script = Some(Arc::new(script));
        let lines = Arc::new(ScriptLines::new(strowger_kamailio::kemi::LogLevel::Notice));
        let factory = factory(&config, &lines).expect("a script");
        let mut settings = Settings::default();
        overlay(&config, factory, &mut settings);
        settings
    }

    #[test]
    fn kamailios_habits_are_on_with_a_script() {
        let settings = overlaid(true, &[]);
        assert!(settings.timers.timer_a_capped_at_t2 && settings.timers.non_invite_408);
        assert!(settings.registrar.profile.raises_brief_expiry);
        assert_eq!(settings.timers.timer_b, Duration::from_secs(30));
        assert_eq!(
            settings.compatibility.trying_reason.as_deref(),
            Some(TRYING)
        );
        assert!(settings.one_domain && !settings.auth.qop_required);
        assert_eq!(settings.registrar.path, PathMode::Ignore);
        let ours = overlaid(false, &[]);
        assert_eq!(ours.timers.timer_b, Duration::from_secs(32));
        assert!(!ours.one_domain && ours.auth.qop_required);
    }

    #[test]
    fn parameters_change_them() {
        let settings = overlaid(
            true,
            &[
                ("tm", "fr_timer", Value::Integer(5_000)),
                ("tm", "auto_inv_100", Value::Integer(0)),
                ("auth", "qop", Value::Text("auth".into())),
                ("registrar", "use_path", Value::Integer(1)),
                ("usrloc", "use_domain", Value::Integer(1)),
            ],
        );
        assert_eq!(settings.timers.timer_f, Duration::from_secs(5));
        assert_eq!(settings.timers.trying_after, None);
        assert_eq!(settings.compatibility.trying_reason, None);
        assert!(settings.auth.qop_required && !settings.one_domain);
        assert_eq!(settings.registrar.path, PathMode::Strict);
    }
}
