//! What a phase came to: a table for people, one line of JSON for programs.

use std::time::Duration;

use serde_json::{Value, json};
use strowger_load::{Amount, Histogram, Pace, Phase, Scenario, Statistics, Task};

use super::drive::Ended;
use super::plan::Plan;
use super::process::Usage;
use crate::commands::{say, say_json, table};

/// All that is known of a phase.
#[derive(Debug)]
pub struct Report<'a> {
    /// The run.
    pub plan: &'a Plan,
    /// The phase.
    pub phase: Phase,
    /// Its figures.
    pub statistics: &'a Statistics,
    /// How it ended.
    pub ended: Ended,
    /// What it cost.
    pub usage: Usage,
}

impl Report<'_> {
    /// True if everything was as it must be, up to where the run was ended.
    pub fn is_clean(&self) -> bool {
        self.statistics.is_clean()
    }

    /// Prints it.
    pub fn show(&self, json: bool) {
        match json {
            true => say_json(&self.to_json()),
            false => say(&self.to_text()),
        }
    }

    /// Why contacts were left registered.
    pub fn left_behind(&self) -> String {
        let reasons = self.statistics.reasons.iter();
        let reasons: Vec<_> = reasons
            .map(|(reason, finding)| format!("{} × {reason}", count(finding.count)))
            .collect();
        format!(
            "not all contacts could be removed at the end: {}",
            reasons.join(", ")
        )
    }

    fn title(&self) -> String {
        let settings = &self.plan.settings;
        let what = match (self.phase.task, self.phase.name) {
            (Task::Scenario, "") => settings.scenario.name().to_owned(),
            (Task::Scenario, name) => format!("{}, {name}", settings.scenario.name()),
            _ => format!("{}: registering its users", settings.scenario.name()),
        };
        let pace = match self.phase.pace {
            Pace::Closed { window } => format!("{} in flight", count(u64::from(window))),
            Pace::Open { per_second } => format!("{per_second} operations per second"),
        };
        format!("{what}  udp:{}  {pace}", settings.target)
    }

    /// As a table.
    pub fn to_text(&self) -> String {
        let statistics = self.statistics;
        let mut rows = vec![row(
            "operations",
            format!(
                "{} in {}, {}/s",
                count(statistics.succeeded),
                time(statistics.elapsed()),
                count(statistics.per_second(self.phase.pace).round() as u64)
            ),
        )];
        rows.push(row("failed", count(statistics.failed)));
        let is_call =
            self.plan.settings.scenario == Scenario::Call && self.phase.task == Task::Scenario;
        rows.push(row(
            "latency",
            latencies(
                &statistics.latency,
                if is_call { "INVITE to 200" } else { "" },
            ),
        ));
        if is_call {
            rows.push(row("", latencies(&statistics.release, "BYE to 200")));
        }
        let statuses: Vec<_> = statistics
            .statuses
            .iter()
            .map(|(status, number)| format!("{} × {status}", count(*number)))
            .collect();
        rows.push(row(
            "responses",
            match statuses.is_empty() {
                true => "none".to_owned(),
                false => statuses.join(", "),
            },
        ));
        rows.push(row("retransmitted", self.retransmissions()));
        if statistics.late + self.never_begun() > 0 {
            rows.push(row(
                "late",
                format!(
                    "{} began over 10 ms after they were due, {} never",
                    count(statistics.late),
                    count(self.never_begun())
                ),
            ));
        }
        rows.push(row(
            "sent",
            format!(
                "{} messages, {}",
                count(statistics.messages_sent),
                octets(statistics.octets_sent)
            ),
        ));
        rows.push(row(
            "received",
            format!(
                "{} messages, {}",
                count(statistics.messages_received),
                octets(statistics.octets_received)
            ),
        ));
        rows.extend(self.usage_rows());
        format!("{}\n{}{}", self.title(), table(&rows), self.verdict())
    }

    /// Operations of an open loop that were due and for which there was no room until the end.
    fn never_begun(&self) -> u64 {
        match (self.phase.pace, self.phase.amount, self.ended) {
            (Pace::Open { per_second }, Amount::Duration(time), Ended::Complete) => {
                let due = (time.as_secs_f64() * per_second - 1e-6).ceil() as u64;
                due.saturating_sub(self.statistics.started)
            }
            _ => 0,
        }
    }

    fn retransmissions(&self) -> String {
        let statistics = self.statistics;
        let mut text = format!("{} requests", count(statistics.retransmissions));
        if statistics.called_retransmissions > 0 {
            text += &format!(
                ", {} × 200 by the called side",
                count(statistics.called_retransmissions)
            );
        }
        if statistics.repeated > 0 {
            text += &format!("; {} responses came again", count(statistics.repeated));
        }
        if statistics.strays > 0 {
            text += &format!("; {} strays", count(statistics.strays));
        }
        text
    }

    fn usage_rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        if let Some(server) = &self.usage.server {
            let total = self.micros_per_operation(server.total);
            let shares = server.user_share.map(|share| {
                format!(
                    " (user {:.2}, kernel {:.2})",
                    total * share,
                    total * (1.0 - share)
                )
            });
            rows.push(row(
                "server CPU",
                format!("{total:.2} µs/operation{}", shares.unwrap_or_default()),
            ));
            if let Some((before, after)) = server.pss_kib {
                let mib = |kib: u64| kib as f64 / 1_024.0;
                rows.push(row(
                    "server PSS",
                    format!("{:.1} MiB before, {:.1} MiB after", mib(before), mib(after)),
                ));
            }
        }
        let tool = self.micros_per_operation(self.usage.tool);
        rows.push(row("own CPU", format!("{tool:.2} µs/operation")));
        rows
    }

    fn micros_per_operation(&self, time: Duration) -> f64 {
        let ended = (self.statistics.succeeded + self.statistics.failed).max(1);
        time.as_secs_f64() * 1e6 / ended as f64
    }

    fn verdict(&self) -> String {
        let ended = match self.ended {
            Ended::Complete => "",
            Ended::Interrupted => ", ended by a signal",
            Ended::Failures => ", ended by --limit-failures",
        };
        if self.is_clean() {
            return format!("clean{ended}\n");
        }
        let mut text = format!("NOT CLEAN{ended}\n");
        for (reason, finding) in &self.statistics.reasons {
            text += &format!("  {} × {reason}\n", count(finding.count));
            if !finding.first.is_empty() {
                text += &format!("      first: {}\n", finding.first);
            }
            if let Some(hint) = reason.hint() {
                text += &format!("      try: {hint}\n");
            }
        }
        if self.statistics.reasons.is_empty() {
            text += "  no operation was done\n";
        }
        text
    }

    /// As one object.
    pub fn to_json(&self) -> Value {
        let (statistics, settings) = (self.statistics, &self.plan.settings);
        let mut value = json!({
            "scenario": settings.scenario.name(),
            "phase": match self.phase.task {
                Task::Scenario => self.phase.name,
                _ => "enter",
            },
            "target": format!("udp:{}", settings.target),
            "clean": self.is_clean(),
            "ended": self.ended.name(),
            "operations": statistics.succeeded,
            "failed": statistics.failed,
            "seconds": statistics.elapsed().as_secs_f64(),
            "operations_per_second": statistics.per_second(self.phase.pace),
            "latency_us": micros(&statistics.latency),
            "statuses": statistics.statuses.iter().map(|(status, count)| (status.to_string(), (*count).into()))
                .collect::<serde_json::Map<_, _>>(),
            "provisional": statistics.provisional,
            "retransmissions": statistics.retransmissions,
            "called_retransmissions": statistics.called_retransmissions,
            "repeated": statistics.repeated,
            "strays": statistics.strays,
            "late": statistics.late,
            "never_begun": self.never_begun(),
            "messages_sent": statistics.messages_sent,
            "messages_received": statistics.messages_received,
            "octets_sent": statistics.octets_sent,
            "octets_received": statistics.octets_received,
            "reasons": statistics.reasons.iter().map(|(reason, finding)| json!({
                "reason": reason.name(),
                "text": reason.to_string(),
                "ends_operation": reason.ends_operation(),
                "count": finding.count,
                "first": finding.first,
            })).collect::<Vec<_>>(),
            "tool_cpu_us_per_operation": self.micros_per_operation(self.usage.tool),
        });
        let Some(object) = value.as_object_mut() else {
            return value;
        };
        match self.phase.pace {
            Pace::Closed { window } => object.insert("window".to_owned(), window.into()),
            Pace::Open { per_second } => object.insert("rate".to_owned(), per_second.into()),
        };
        if settings.scenario == Scenario::Call {
            object.insert("release_us".to_owned(), micros(&statistics.release));
        }
        if let Some(server) = &self.usage.server {
            let total = self.micros_per_operation(server.total);
            let user = server.user_share.map(|share| share * total);
            let fields = json!({
                "cpu_us_per_operation": total,
                "user_us_per_operation": user,
                "kernel_us_per_operation": user.map(|user| total - user),
                "pss_kib_before": server.pss_kib.map(|(before, _)| before),
                "pss_kib_after": server.pss_kib.map(|(_, after)| after),
            });
            object.insert("server".to_owned(), fields);
        }
        value
    }
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![format!("  {name}"), value]
}

fn latencies(histogram: &Histogram, what: &str) -> String {
    if histogram.count() == 0 {
        return "none".to_owned();
    }
    let at = |percent| time(histogram.percentile(percent));
    let what = if what.is_empty() {
        String::new()
    } else {
        format!("  ({what})")
    };
    format!(
        "p50 {}  p90 {}  p99 {}  max {}{what}",
        at(50.0),
        at(90.0),
        at(99.0),
        time(histogram.max())
    )
}

fn micros(histogram: &Histogram) -> Value {
    let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
    let at = |percent| micros(histogram.percentile(percent));
    json!({ "p50": at(50.0), "p90": at(90.0), "p99": at(99.0), "max": micros(histogram.max()) })
}

/// A number with its thousands set apart.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in the unit that suits it.
pub fn time(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    match micros {
        0.0..1e3 => format!("{micros:.0} µs"),
        1e3..1e6 => format!("{:.2} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

fn octets(number: u64) -> String {
    match number {
        0..1_048_576 => format!("{:.1} KiB", number as f64 / 1_024.0),
        _ => format!("{:.1} MiB", number as f64 / 1_048_576.0),
    }
}
