"""What every program has: a world, a server with its gauges, `strowger load` beside it, and figures to print."""

import json
import os
import urllib.error
import urllib.request

from lib.processes import Failure, wait_until
from lib.world import World

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ALL = []
TRUSTED = {"trusted_sources": ["127.0.0.0/8"]}
MIB = 1 << 20
# What keeps state for a while after the last message: 64*T1 of a transaction, and a little.
QUIET_SECONDS = 40


class Skipped(Exception):
    """This machine cannot show it."""


class Program:
    def __init__(self, name, run, seconds, seconds_long):
        self.name = name
        self.run = run
        self.seconds = seconds
        self.seconds_long = seconds_long


def program(name, seconds=60, seconds_long=1800):
    """Register a function of one `Run`, with the time limits of its short and its long run."""
    def register(run):
        ALL.append(Program(name, run, seconds, seconds_long))
        return run
    return register


class Run:
    def __init__(self, name, options, enclosed):
        self.world = World(f"robust-{name}", options.server)
        self.options = options
        self.long = options.long
        self.seed = options.seed
        self.enclosed = enclosed
        self.figures = []

    def size(self, short, long):
        return long if self.long else short

    def count(self, short, long):
        """How many; `--count` overrides it."""
        return self.options.count or self.size(short, long)

    def figure(self, text):
        self.figures.append(text)

    def must(self, holds, text):
        """What must hold on any machine."""
        if not holds:
            raise Failure(text)

    def must_in_time(self, holds, text):
        """What a busy machine may spoil: judged in long runs only."""
        if self.long and not holds:
            raise Failure(text)

    def must_be_enclosed(self):
        if not self.enclosed:
            raise Skipped("needs root, for a network and a mount namespace of its own")

    def server(self, start=True, users=("alice", "bob"), open_to_all=True, **settings):
        """A server; `open_to_all`: nobody needs a password. Name servers are never those of the machine."""
        settings.setdefault("dns", {"servers": ["127.0.0.1:9"], "timeout_ms": 1000})
        if open_to_all:
            settings.setdefault("auth", {"required": False})
        server = self.world.server(start=False, users=users, **settings)
        if start:
            server.start(20)
        return server

    def close(self):
        self.world.close()


# --- the server's gauges -------------------------------------------------------------------------

def metrics(server, seconds=5):
    """{name without labels: sum of its values}, from /metrics."""
    url = f"http://127.0.0.1:{server.admin_port}/metrics"
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=seconds) as answer:
            text = answer.read().decode()
    except (OSError, urllib.error.URLError) as problem:
        raise Failure(f"/metrics does not answer: {problem}") from None
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            name = name.partition("{")[0].removeprefix("strowger_").removesuffix("_total")
            found[name] = found.get(name, 0.0) + float(value)
    return found


def grown(before, after, name):
    if name not in after:
        raise Failure(f"the server has no counter {name}")
    return int(after[name] - before.get(name, 0))


def pss(server):
    """Octets of memory, shared pages in parts."""
    with open(f"/proc/{server.process.pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    raise Failure("no Pss in smaps_rollup")


def cpu_seconds(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def transactions(server):
    now = metrics(server)
    return int(sum(now[name] for name in ("server_transactions", "client_transactions", "relays", "parked")))


def at_rest(server, seconds=QUIET_SECONDS + 30):
    """Wait until no transaction is left; how many there were at the end of the wait if some stay."""
    try:
        wait_until(lambda: transactions(server) == 0, seconds, "no transaction to be left", step=0.25)
    except Failure:
        return transactions(server)
    return 0


def same_process(run, server, panics=True):
    """The process that was started still runs, and nothing in it panicked."""
    run.must(server.process.running and server.starts == 1, f"the server ended with {server.process.code}")
    if panics:
        now = metrics(server)
        count = int(now.get("net_shard_panics", 0) + now.get("net_worker_panics", 0))
        run.must(count == 0 and "panicked at" not in server.process.log(), f"{count} panics")


# --- load beside it ------------------------------------------------------------------------------

class Load:
    """`strowger load SCENARIO`, started; `report()` waits for its end."""

    def __init__(self, run, server, name, *words, target=None, label=None):
        argv = [server.binary, "load", name, "--json", "--target", target or f"udp:{server.host_port}",
                "--domain", server.domain, "--limit-failures", "0", *map(str, words)]
        self.process = run.world.start(f"load-{label or name}-{len(run.world.processes)}", argv)

    def reports(self, seconds):
        if self.process.wait(seconds) is None:
            raise Failure(f"{self.process.name} did not end in {seconds} s")
        found = [json.loads(line) for line in self.process.log().splitlines() if line.startswith("{")]
        if not found or "operations" not in found[-1]:
            raise Failure(f"{self.process.name} has no report: {self.process.log()[-2000:]}")
        return found

    def report(self, seconds=300):
        return self.reports(seconds)[-1]


def why(report):
    reasons = ", ".join(f"{r['count']} × {r['reason']}" for r in report["reasons"])
    first = report["reasons"][0]["first"] if report["reasons"] else ""
    return f"{report['failed']} failed of {report['failed'] + report['operations']}: {reasons}\n{first}"


def count_of(report, reason):
    return sum(r["count"] for r in report["reasons"] if r["reason"] == reason)


def all_went(run, report, what, refused=0.25):
    """Every operation of a report ended as it should, its ACK included. On a busy machine a short run may meet an overloaded
    server: then that share may be refused."""
    shed = report["failed"] if {r["reason"] for r in report["reasons"]} == {"status_503"} else 0
    if shed and not run.long and shed <= report["operations"] * refused:
        run.figure(f"{what}: {shed} refused with 503 by a server without processor time")
        return
    went = report["failed"] == 0 and count_of(report, "called_ack_missing") == 0
    run.must(went and report["operations"] > 0, f"{what}: {why(report)}")


def ms(report, which):
    return report["latency_us"][which] / 1000


def registered(server, name_prefix, seconds=10):
    """Wait until a load tool has registered somebody: its own phase begins."""
    wait_until(lambda: server.cli_json("reg", "list", name_prefix)["total"] > 0, seconds, "the load tool to register its users")
