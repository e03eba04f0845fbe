//! `core.*` and `system.*`: the process itself.

use serde_json::{Value, json};
use strowger_sip::Time;

use super::{Answer, Live, Method, Params, fault, methods, not_found};

pub(super) const METHODS: &[Method] = &[
    ("core.aliases_list", "the local domains", aliases),
    ("core.echo", "the parameters", |_, params| {
        Ok(params.0.to_vec().into())
    }),
    ("core.info", "the program", info),
    ("core.modules", "the modules that the script sees", modules),
    ("core.ps", "the process and its threads", processes),
    (
        "core.shmmem",
        "not here: there are no memory pools",
        |_, _| {
            fault("there is no shared memory pool here; see resident_memory_octets in the metrics")
        },
    ),
    ("core.sockets_list", "the listening addresses", sockets),
    ("core.uptime", "since when it serves", uptime),
    ("core.version", "the version", |_, _| Ok(VERSION.into())),
    ("system.listMethods", "the methods", |_, _| {
        Ok(methods().map(|(name, ..)| *name).collect())
    }),
    ("system.methodHelp", "what a method does", help),
];

const VERSION: &str = concat!("Strowger ", env!("CARGO_PKG_VERSION"));

fn help(_: &Live, params: &Params<'_>) -> Answer {
    let name = params.text(0, "the method")?;
    match methods().find(|(other, ..)| *other == name) {
        Some((_, help, _)) => Ok((*help).into()),
        None => not_found("Method Not Found"),
    }
}

fn info(live: &Live, _: &Params<'_>) -> Answer {
    let script = live.config.load();
    let script = script.script.as_ref().map(|script| script.path());
    Ok(json!({
        "version": VERSION,
        "script": script.map(|path| path.display().to_string()),
        "workers": crate::serve::settings::workers(&live.config.load()),
        "shards": live.settings.load().shards,
    }))
}

fn modules(live: &Live, _: &Params<'_>) -> Answer {
    let config = live.config.load();
    let loaded = config.script.as_ref().and_then(|one| one.modules.clone());
    Ok(match loaded {
        Some(names) => names.into_iter().collect(),
        None => strowger_kamailio::cfg::modules::names().collect(),
    })
}

fn processes(live: &Live, _: &Params<'_>) -> Answer {
    let workers = crate::serve::settings::workers(&live.config.load());
    let pid = std::process::id();
    Ok(json!([
        pid,
        format!("one process, {workers} worker threads")
    ]))
}

fn sockets(live: &Live, _: &Params<'_>) -> Answer {
    let settings = live.settings.load();
    let rows = settings.listeners.iter().map(|one| {
        let mut socket = json!({
            "proto": one.transport.as_param(),
            "address": one.address.ip().to_string(),
            "port": one.address.port().to_string(),
        });
        if let (Some((host, port)), Some(object)) = (&one.advertised, socket.as_object_mut()) {
            object.insert("advertise".into(), format!("{host}:{port}").into());
        }
        json!({ "socket": socket })
    });
    Ok(rows.collect())
}

fn aliases(live: &Live, _: &Params<'_>) -> Answer {
    let config = live.config.load();
    let rows = config.domains.iter();
    let rows: Value = rows
        .map(|domain| json!({ "alias": { "proto": "*", "address": domain, "port": "*" } }))
        .collect();
    Ok(json!({ "myself_callbacks": "no", "aliases": rows }))
}

fn uptime(live: &Live, _: &Params<'_>) -> Answer {
    let wall = live.driver.now().wall;
    let up = live.started.elapsed();
    let since = Time::from_secs(wall.as_secs().saturating_sub(up.as_secs()));
    Ok(json!({
        "now": date(wall),
        "up_since": date(since),
        "uptime": up.as_secs(),
    }))
}

/// `Thu Nov 26 19:08:45 2026`, in UTC.
fn date(time: Time) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = time.as_secs();
    let days = seconds / 86_400;
    let (year, month, day) = civil(days);
    let name = |names: &[&'static str], at: u64| {
        let at = usize::try_from(at).unwrap_or(0);
        names.get(at).copied().unwrap_or_default()
    };
    format!(
        "{} {} {day:2} {:02}:{:02}:{:02} {year}",
        name(&DAYS, days % 7),
        name(&MONTHS, month - 1),
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60,
    )
}

/// Year, month and day of a number of days since 1970-01-01.
pub(super) fn civil(days: u64) -> (u64, u64, u64) {
    // Years that begin with March, in cycles of 400: leap days come last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(Time::from_secs(0)), "Thu Jan  1 00:00:00 1970");
        assert_eq!(
            date(Time::from_secs(1_795_720_125)),
            "Thu Nov 26 19:08:45 2026"
        );
        assert_eq!(
            date(Time::from_secs(951_782_400)),
            "Tue Feb 29 00:00:00 2000"
        );
    }
}
