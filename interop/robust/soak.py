"""Everything at once for long: calls, registrations, OPTIONS, phones that are silent and callers who change their mind."""

import collections
import os
import threading
import time

from lib.peer import Peer
from lib.processes import Failure
from robust.program import (MIB, TRUSTED, Load, all_went, at_rest, descriptors, metrics, ms, program, pss, registered, same_process)

CALLS, REGISTERS, OPTIONS = 300, 500, 500
AORS = 20_000
SAMPLE_SECONDS = 10
SLOPE_MAX = 4 * MIB


class Nuisance:
    """Callers of a phone that never answers and of one that rings, the latter with a CANCEL right behind the INVITE."""

    def __init__(self, world, server, per_second):
        # What is said is not kept: it would be all of an hour.
        peers = [Peer(name, server, log=collections.deque(maxlen=200)) for name in ("caller", "silent", "ringing")]
        world.peers.extend(peers)
        self.caller, self.silent, self.ringing = peers
        self.per_second = per_second
        self.begun = {}
        self.finals = collections.Counter()
        self.problems = []
        self.done = False
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self._call, self._ring)]

    def start(self):
        self.register()
        for thread in self.threads:
            thread.start()

    def register(self):
        for peer in (self.silent, self.ringing):
            peer.register(expires=7200)

    def _call(self):
        began, turn = time.monotonic(), 0
        while not self.done:
            turn += 1
            called = (self.silent, self.ringing)[turn % 2]
            try:
                call = self.caller.invite(called.aor)
                self.begun[call.call_id] = call.invite
                if called is self.ringing:
                    call.cancel()
            except Failure as problem:
                self.problems.append(str(problem))
            self._finals()
            time.sleep(max(0.0, began + turn / (2 * self.per_second) - time.monotonic()))

    def _finals(self):
        """Acknowledge what has ended, and forget the rest of what came."""
        while (message := self.caller.take(lambda m: m.is_response)) is not None:
            invite = self.begun.get(message.call_id)
            if invite is not None and message.method == "INVITE" and message.status >= 200:
                self.caller.acknowledge(invite, message)
                del self.begun[message.call_id]
                self.finals[message.status] += 1
        with self.caller.changed:
            for kept in (self.caller.seen, self.caller.acks, self.silent.seen, self.silent.inbox):
                if len(kept) > 20_000:
                    kept.clear()

    def _ring(self):
        invites = {}
        while not self.done:
            request = self.ringing.take(lambda m: not m.is_response)
            if request is None:
                time.sleep(0.002)
            elif request.method == "INVITE":
                invites[request.branch] = request
                self.ringing.reply(request, 180)
            elif request.method == "CANCEL":
                self.ringing.reply(request, 200)
                invite = invites.pop(request.branch, None)
                if invite is not None:
                    self.ringing.reply(invite, 487, "Request Terminated")

    def stop(self, seconds=45):
        """No further calls; those of the silent phone end by the server's timers."""
        self.done = True
        for thread in self.threads:
            thread.join(15)
        end = time.monotonic() + seconds
        while self.begun and time.monotonic() < end:
            self._finals()
            time.sleep(0.1)


def slope_per_hour(samples):
    """Least squares over (seconds, octets)."""
    n = len(samples)
    mean_t = sum(t for t, _ in samples) / n
    mean_v = sum(v for _, v in samples) / n
    spread = sum((t - mean_t) ** 2 for t, _ in samples)
    return 3600 * sum((t - mean_t) * (v - mean_v) for t, v in samples) / spread


@program("soak", seconds=120, seconds_long=5400)
def soak(run):
    """300 calls, 500 registrations and 500 OPTIONS a second with silent phones and CANCELs: memory stays flat."""
    aors = run.size(500, AORS)
    share = run.size(0.1, 1.0)
    seconds = (run.options.minutes or run.size(0.3, 60)) * 60
    # A silent phone is given up after 64*T1.
    timers = {} if run.long else {"timers": {"t1_ms": 100}}
    names = [str(100_001 + n) for n in range(aors)]
    callers = [str(500_001 + n) for n in range(200)]
    server = run.server(users=["caller", "silent", "ringing", *names, *callers], open_to_all=False, limits=TRUSTED,
                        log={"level": "error"}, **timers)
    files = {}
    for kind, users in (("register", names), ("call", callers)):
        files[kind] = os.path.join(server.directory, f"{kind}.csv")
        with open(files[kind], "w", encoding="utf-8") as out:
            out.write("name,password\n" + "".join(f"{u},{server.passwords[u]}\n" for u in users))
    nuisance = Nuisance(run.world, server, CALLS * share / 100)
    nuisance.start()
    open_before = descriptors(server)
    length = ("--duration", f"{seconds:.0f}s")
    loads = {
        "options": Load(run, server, "options", "--rate", OPTIONS * share, *length),
        "call": Load(run, server, "call", "--rate", CALLS * share, "--hold", "1s", "--accounts", files["call"], *length),
        "register": Load(run, server, "register-auth", "--rate", REGISTERS * share, "--accounts", files["register"],
                         "--keep", *length),
    }
    registered(server, "5000", 30)
    began, samples = time.monotonic(), []
    renewed = began
    while time.monotonic() < began + seconds - 2:
        time.sleep(min(SAMPLE_SECONDS, seconds / 30))
        samples.append((time.monotonic() - began, pss(server)))
        if time.monotonic() > renewed + 1800:
            nuisance.register()
            renewed = time.monotonic()
        run.must(server.process.running, f"the server ended with {server.process.code}")
    reports = {name: load.report(120) for name, load in loads.items()}
    nuisance.stop()
    last = samples[len(samples) * 2 // 3:]
    slope = slope_per_hour(last)
    for name, report in reports.items():
        run.figure(f"{name} {report['operations']} at {report['operations_per_second']:.0f}/s, {report['failed']} failed, "
                   f"p99 {ms(report, 'p99'):.1f} max {ms(report, 'max'):.0f} ms")
    finals = ", ".join(f"{n} × {s}" for s, n in sorted(nuisance.finals.items()))
    run.figure(f"silent and cancelled: {finals}, {len(nuisance.begun)} without a final")
    left = at_rest(server)
    after = metrics(server)
    run.figure(f"PSS {last[0][1] / MIB:.1f} to {last[-1][1] / MIB:.1f} MiB in the last third, slope {slope / MIB:+.2f} MiB/h; "
               f"{left} transactions left, descriptors {open_before} and {descriptors(server)}, "
               f"{int(after['location_bindings'])} bindings")
    for name, report in reports.items():
        all_went(run, report, name)
    run.must(not nuisance.problems and not nuisance.begun, f"nuisance: {nuisance.problems[:3]}, {len(nuisance.begun)} hang")
    run.must(left == 0, f"{left} transactions never ended")
    run.must(abs(descriptors(server) - open_before) <= 1, "descriptors leak")
    # Of minutes a slope per hour says nothing.
    run.must_in_time(seconds < 1800 or slope < SLOPE_MAX, f"PSS grows by {slope / MIB:.1f} MiB/h")
    same_process(run, server)
