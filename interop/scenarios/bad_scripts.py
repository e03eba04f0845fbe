"""A script that loops, eats memory, fails and waits, beside good calls: what it costs them, and that nothing is left behind."""

import json
import os
import time
from collections import Counter

from lib.beside import HTTP_SECONDS, KINDS, Beside
from lib.kamailio import ADDRESSES, StrowgerKamailio
from lib.processes import Failure
from lib.scenario import OnDemand, scenario
from lib.server import run_cli
from lib.sipp import Sipp

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "kamailio")
LONG = bool(os.environ.get("STROWGER_LONG"))
CALLS_PER_SECOND, SECONDS = (500, 60) if LONG else (100, 8)
CALM_SECONDS = 3
P99_SECONDS_MAX = 0.020
# What the calls themselves take comes on top: 4 KiB each until their transactions end.
GROWTH_MIB_MAX = 200 + CALLS_PER_SECOND * min(SECONDS, 32) * 4 / 1024
ATTEMPTS = 1 if LONG else 2
# Of strings of 4 KiB a script has its time used up before its memory; of strings of 1 MiB the memory is gone first.
EAT_OCTETS = int(os.environ.get("STROWGER_EAT_OCTETS", 4096))
# A p99 of OPTIONS without the bad requests above this, or of how late our own loop comes, tells that the machine has
# other work. (sipp reads late when it has little to do, so its times do not tell.)
BUSY_SECONDS = 0.005
LOCAL = ADDRESSES + """strowger.data = "@DATA@" desc "a folder of this run"
strowger.trusted_sources = "127.0.0.0/8" desc "all of the load has one address"
"""


class TooSlow(Exception):
    """This machine did not send at the wanted rate; nothing was measured."""


class BadServer(StrowgerKamailio):
    def __init__(self, world, name, children, url):
        self.data = os.path.join(world.directory(name), "data")
        super().__init__(world, ("good", "goodcaller"), name=name, config=os.path.join(FOLDER, "bad.cfg"),
                         local=LOCAL.replace("@DATA@", self.data))
        self.defines += [f"CHILDREN={children}", f'SCRIPT="{os.path.join(FOLDER, "bad.lua")}"', f'SLOW="slow=s:{url}"',
                         f'PIECE="piece=i:{EAT_OCTETS}"']

    def ask(self, *words):
        code, out, err = run_cli([self.world.binary, *words, "--json", "-c", self.data], self.directory)
        if code != 0:
            raise Failure(f"strowger {' '.join(words)} ended with {code}: {err or out}")
        return json.loads(out)

    def resident_mib(self, field="VmRSS"):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith(f"{field}:")) / 1024

    def processor_seconds(self):
        """(user, system) so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return [int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in fields[11:13]]


def percentile(times, percent):
    return times[min(len(times) - 1, int(len(times) * percent / 100))]


class Calls:
    """What sipp saw of its calls: the seconds from the first INVITE to the first response and to the 200, sorted."""

    def __init__(self, lines):
        begun, first, answered = {}, {}, {}
        self.overtaken = 0
        for at, sent, call, method, start in lines:
            if sent:
                if method == "INVITE":
                    begun.setdefault(call, at)
                continue
            status = start.split()[1]
            if status >= "3":
                raise Failure(f"the caller of {call} received {start} to its {method}")
            if method == "INVITE":
                # UDP allows that a provisional response comes after the final one.
                self.overtaken += status < "2" and call in answered
                first.setdefault(call, at - begun[call])
                if status >= "2":
                    answered.setdefault(call, at - begun[call])
        self.first, self.answered = sorted(first.values()), sorted(answered.values())


class Measured:
    """The response times of the good requests of one phase, sorted, and how late our own loop came."""

    def __init__(self, calls, beside):
        self.overtaken = calls.overtaken
        self.times = {"200": calls.answered, "first response": calls.first, "OPTIONS": beside.times("probe")}
        self.late = percentile(sorted(beside.late), 99)

    @property
    def p99(self):
        return max(percentile(times, 99) for times in self.times.values())

    def __str__(self):
        each = [f"{name} " + "/".join(f"{1000 * percentile(times, percent):.1f}" for percent in (50, 99, 100))
                for name, times in self.times.items()]
        each.append(f"own loop late {self.late * 1000:.1f}")
        if self.overtaken:
            each.append(f"{self.overtaken} provisional responses overtaken by the final one")
        return ", ".join(each)


def traffic(server, beside, caller, callee, seconds, bad, halfway=lambda: None):
    """Good calls for so long, all of which must succeed, beside probes and, if `bad`, bad requests."""
    calls = CALLS_PER_SECOND * seconds
    limit = seconds + 30
    waiting = callee.start("call_uas", calls=calls, seconds=limit, options=())
    began = time.monotonic()
    calling = caller.start("good_uac", calls=calls, callee="good", rate=CALLS_PER_SECOND, seconds=limit,
                           at_once=4 * CALLS_PER_SECOND, options=("-trace_shortmsg", "-default_behaviors", "all,-abortunexp"))
    beside.run(seconds, bad, halfway)
    caller.finish(calling)
    took = time.monotonic() - began
    callee.finish(waiting)
    if not server.process.running:
        raise Failure(f"the server ended with {server.process.code}")
    seen = Calls(caller.lines(calling, "good_uac"))
    if len(seen.answered) != calls:
        raise Failure(f"{len(seen.answered)} of {calls} calls were answered")
    # What waits for its last answer comes on top.
    if took > 1.2 * seconds + 2 * HTTP_SECONDS:
        raise TooSlow(f"{calls} calls took {took:.0f} s instead of {seconds}")
    return Measured(seen, beside)


def check_answers(beside):
    """Every bad request has the one answer that it must have, in its time."""
    unanswered = Counter(one.kind for one in beside.unanswered())
    if unanswered:
        raise Failure(f"unanswered: {dict(unanswered)}")
    if beside.unexpected:
        raise Failure(f"{len(beside.unexpected)} answers too many, the first: {beside.unexpected[0]}")
    for kind, wanted in (("probe", 200), ("loop", 500), ("eat", 500), ("error", 500), ("wait", 480)):
        wrong = Counter(one.status for one in beside.of(kind) if one.status != wanted)
        if wrong:
            raise Failure(f"{kind} was answered {dict(wrong)} and not {wanted}")
    if beside.times("wait")[0] < HTTP_SECONDS:
        raise Failure(f"wait was answered after {beside.times('wait')[0]:.2f} s")


def check_counters(before, after, beside):
    """The counters tell what happened; returns what of it is worth a figure."""
    grown = {name: value - before.get(name, 0) for name, value in after.items()}
    failed = sum(len(beside.of(kind)) for kind in ("loop", "eat", "error"))
    wanted = {"program_failures": failed, "script_runs_failed_total": len(beside.of("error")),
              "script_runs_parked_total": len(beside.of("wait")), "script_runs_resumed_total": len(beside.of("wait"))}
    different = {name: (grown.get(name), value) for name, value in wanted.items() if grown.get(name) != value}
    if different:
        raise Failure(f"counters (grown by, must be): {different}")
    ended = {name: grown[f"script_{name}_total"] for name in ("overruns", "out_of_memory", "quarantined")}
    if not ended["overruns"] or not ended["quarantined"]:
        raise Failure(f"counters that must grow: {ended}")
    if sum(ended.values()) != len(beside.of("loop")) + len(beside.of("eat")):
        raise Failure(f"{ended} for {len(beside.of('loop'))} loop and {len(beside.of('eat'))} eat")
    return ended


def attempt(world, name, children):
    """One server, the calls alone and then with bad requests beside them: (without, with, further figures)."""
    beside = Beside(None)
    try:
        server = beside.server = BadServer(world, name, children, beside.url)
        server.start()
        workers = server.ask("status")["workers"]
        if workers != children:
            raise Failure(f"{workers} workers, not {children}")
        callee, caller = Sipp(world, server, "good"), Sipp(world, server, "goodcaller")
        phone = world.peer("good", server)
        phone.contact = f"<sip:good@127.0.0.1:{callee.port}>"
        phone.register()
        calm = traffic(server, beside, caller, callee, CALM_SECONDS, bad=False)
        resident = [server.resident_mib()]
        # The first who touches memory waits for the machine to give it: not measured, but shown.
        beside.run(1, bad=True)
        first = beside.times("eat")[-1]
        before, used = server.ask("stats"), server.processor_seconds()
        mixed = traffic(server, beside, caller, callee, SECONDS, True, lambda: resident.append(server.resident_mib()))
        resident += [server.resident_mib(), server.resident_mib("VmHWM")]
        user, system = (now - then for now, then in zip(server.processor_seconds(), used))
        check_answers(beside)
        ended = check_counters(before, server.ask("stats"), beside)
        if server.ask("status")["pid"] != server.process.pid:
            raise Failure("another process answers")
        counts = ", ".join(f"{name} {count}" for name, count in ended.items())
        slowest = ", ".join(f"{kind} {1000 * beside.times(kind)[-1]:.0f}" for kind in KINDS)
        rest = f"{counts}, processor {user:.1f} s user and {system:.1f} s system, slowest answer to {slowest} ms " \
               f"(eat at first {first * 1000:.0f}), memory before/halfway/after/most " + "/".join(f"{m:.0f}" for m in resident) + " MiB"
        if resident[2] - resident[0] > GROWTH_MIB_MAX:
            raise Failure(f"resident memory grew by more than {GROWTH_MIB_MAX:.0f} MiB: {mixed}; {rest}")
        server.stop()
        return calm, mixed, rest
    finally:
        beside.close()


def bad_scripts(world, children):
    """Calls beside a script that misbehaves: all succeed, 99 of 100 within 20 ms.

    Other work on the machine is seen by the same calls without bad requests, and by our own loop. Where these are slow,
    nothing can be said about times, and the line says so; all else counts.
    """
    if world.reference_only:
        raise OnDemand("a loop takes a worker of Kamailio's for ever")
    seen = []
    for number in range(1, ATTEMPTS + 1):
        try:
            calm, mixed, rest = attempt(world, f"strowger-try{number}", children)
        except TooSlow as reason:
            world.note(f"not measured: {reason}")
            continue
        figures = f"{CALLS_PER_SECOND} calls/s for {SECONDS} s, p50/p99/max in ms: {mixed}; without bad requests: {calm}; {rest}"
        if mixed.p99 < P99_SECONDS_MAX:
            world.notes = [figures]
            return
        if max(percentile(calm.times["OPTIONS"], 99), calm.late, mixed.late) > BUSY_SECONDS:
            world.note(f"machine too busy: {figures}")
        else:
            seen.append(figures)
    if len(seen) == ATTEMPTS:
        raise Failure("too slow: " + "; ".join(seen))
    world.notes += seen


@scenario("kamailio-bad-scripts-one-worker", seconds=240 if LONG else 90, stand_in=False)
def one_worker(world):
    bad_scripts(world, 1)


@scenario("kamailio-bad-scripts-two-workers", seconds=240 if LONG else 90, stand_in=False)
def two_workers(world):
    bad_scripts(world, 2)
