"""Who loads the servers and measures them: `strowger load`, or sipload. Both give the same measurement.

Both count the processor time of the server's process and its descendants from /proc/PID/task/*/schedstat, between the
first and the last operation that counts; registrations that a scenario needs before are left out.
"""

import json
import os
import subprocess
from dataclasses import asdict, dataclass, field

from .servers import PASSWORD

RUN_SECONDS_MAX = 300


@dataclass
class Measurement:
    """One phase of one run."""

    server: str
    line: str  # the scenario, with its phase if it has several
    repeat: int
    clean: bool
    why: str = ""  # why it is not clean
    cpu_us: float = 0.0
    user_us: float | None = None
    kernel_us: float | None = None
    p50_us: float = 0.0
    p99_us: float = 0.0
    per_second: float = 0.0
    pss_kib: int = 0
    tool: dict = field(default_factory=dict, repr=False)  # as the tool printed it

    def as_json(self):
        """One line for `--out`."""
        return json.dumps(asdict(self))


class Judge:
    """A tool that loads a server and says what it saw."""

    name = ""

    def words(self, scenario, port, pid, operations, warm, users):
        """The command line."""
        raise NotImplementedError

    def measurement(self, report):
        """A Measurement's fields from one object of the tool."""
        raise NotImplementedError

    def environment(self):
        """Variables for the tool."""
        return dict(os.environ)

    def _run(self, words):
        try:
            run = subprocess.run(words, capture_output=True, text=True, env=self.environment(), check=False,
                                 stdin=subprocess.DEVNULL, timeout=RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            return [], f"no end after {RUN_SECONDS_MAX} s"
        reports = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        return reports, "" if run.returncode == 0 else run.stderr.strip()[-300:] or f"exit code {run.returncode}"

    def measure(self, scenario, running, repeat, scale):
        """One run: a list of measurements, one per phase, at least one."""
        operations, warm, users = scenario.scaled(scale)
        reports, trouble = self._run(self.words(scenario, running.port, running.pid, operations, warm, users))
        if not reports:
            return [Measurement(running.server.name, scenario.name, repeat, False, trouble or "the tool printed no report")]
        found = []
        for report in reports:
            phase = report.get("phase", "")
            line = f"{scenario.name} {phase}" if phase else scenario.name
            found.append(Measurement(running.server.name, line, repeat, tool=report, **self.measurement(report)))
        if trouble and all(one.clean for one in found):
            found[-1].clean, found[-1].why = False, trouble
        return found

    def soak(self, scenario, running, operations):
        """Operations that nobody counts, so that memory has been touched. Returns what went wrong, or nothing."""
        return self._run(self.words(scenario, running.port, None, operations, 0, scenario.users))[1]


class StrowgerLoad(Judge):
    """`strowger load` of the binary that is measured."""

    def __init__(self, binary):
        self.binary, self.name = binary, "strowger load"

    def environment(self):
        return {**os.environ, "STROWGER_PASSWORD": PASSWORD}

    def words(self, scenario, port, pid, operations, warm, users):
        words = [self.binary, "load", scenario.does, "--target", f"udp:127.0.0.1:{port}", "--json",
                 "--ops", str(operations), "--warm", str(warm), "--users", str(users)]
        if scenario.does not in ("options", "invite-404"):
            words += ["--prefix", "a" if scenario.digest else "r", "--from-number", "00000000"]
        if scenario.rate:
            words += ["--rate", str(scenario.rate)]
        return words + (["--pid", str(pid)] if pid else [])

    def measurement(self, report):
        server, latency = report.get("server") or {}, report["latency_us"]
        reasons = [f"{one['count']} × {one['reason']}" for one in report["reasons"]]
        if report["failed"]:
            reasons.insert(0, f"{report['failed']} failed")
        if report["ended"] != "complete":
            reasons.append(f"ended: {report['ended']}")
        return {
            "clean": report["clean"] and bool(server), "why": "; ".join(reasons),
            "cpu_us": server.get("cpu_us_per_operation") or 0.0,
            "user_us": server.get("user_us_per_operation"), "kernel_us": server.get("kernel_us_per_operation"),
            "p50_us": latency["p50"], "p99_us": latency["p99"], "per_second": report["operations_per_second"],
            "pss_kib": server.get("pss_kib_after") or 0,
        }


class Sipload(Judge):
    """A tool that is not ours, with the command line of `sipload`."""

    def __init__(self, path):
        self.path, self.name = path, "sipload"

    def words(self, scenario, port, pid, operations, warm, users):
        words = [self.path, scenario.does, "--target", f"127.0.0.1:{port}", "--ops", str(operations), "--warm", str(warm),
                 "--aors", str(users), "--label", scenario.name, "--quiet"]
        if scenario.rate:
            words += ["--rate", str(scenario.rate)]
        return words + (["--pid", str(pid)] if pid else [])

    def measurement(self, report):
        reasons = [f"{count} × {reason}" for reason, count in report["bad_why"].items()]
        if report["failed"]:
            reasons.insert(0, f"{report['failed']} failed")
        return {
            "clean": report["ok"], "why": "; ".join(reasons), "cpu_us": report["cpu_us_per_op"],
            "user_us": report["user_us_per_op"], "kernel_us": report["sys_us_per_op"],
            "p50_us": report["lat_us"]["p50"], "p99_us": report["lat_us"]["p99"], "per_second": report["ops_per_s"],
            "pss_kib": report.get("mem_kb", {}).get("pss1", 0),
        }
