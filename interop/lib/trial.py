"""One row of the comparison, driven against one server; and the runner that drives every row against both at once."""

import os
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

from . import transcript
from .peer import Peer
from .processes import Failure

Row = namedtuple("Row", "number title run again seconds kamailio ours")
AT_ONCE = 24


class Rows:
    """The rows of one script. `again`: whether repeated messages count ("count") and when they came ("times").

    `kamailio`: a check of the reference's transcript. `ours`: None where both must receive the same, else the check
    of our transcript where we differ on purpose.
    """

    def __init__(self):
        self.all = []

    def row(self, number, title, again="no", seconds=10, kamailio=None, ours=None):
        def register(function):
            self.all.append(Row(number, title, function, again, seconds, kamailio, ours))
            return function
        return register

    def users(self):
        return [f"{name}{row.number}" for row in self.all for name in ("alice", "bob", "carol")]


class Trial:
    def __init__(self, row, server):
        self.row = row
        self.server = server
        self.log = []
        self.peers = []
        self.facts = []
        self.since = 0

    # --- peers: alice and bob have accounts of their own in every row, zoe is from another domain ---------------

    def peer(self, label, user=None, heard=True, **options):
        """`heard`: whether the transcript has what this peer receives."""
        name = user or label + str(self.row.number)
        peer = Peer(name, self.server, log=self.log if heard else [], label=label, **options)
        self.peers.append(peer)
        return peer

    def alice(self, **options):
        return self.peer("alice", **options)

    def bob(self, **options):
        """bob, registered."""
        bob = self.peer("bob", **options)
        bob.register()
        return bob

    def stranger(self, label="zoe", **options):
        return self.peer(label, user="zoe", domain="other.test", **options)

    def mark(self):
        """What came before is no part of the transcript."""
        time.sleep(0.15)
        self.since = len(self.log)

    def call(self, caller=None, callee=None):
        """An answered call, as (caller's side, callee's side)."""
        caller, callee = caller or self.alice(), callee or self.bob()
        out = caller.invite(callee.aor)
        incoming = callee.incoming()
        incoming.reply(180, "Ringing")
        out.expect(180)
        incoming.reply(200, "OK")
        out.answered()
        incoming.expect_ack()
        return out, incoming

    # --- steps ------------------------------------------------------------------------------------------------

    def fact(self, text):
        """A line of the transcript that no message carries."""
        self.facts.append(text)

    def quiet(self, seconds=0.7):
        """Let pass what may still come."""
        time.sleep(seconds)

    def finish(self):
        self.quiet(0.25)
        return transcript.build(list(self.log), self.peers, self.server, self.facts, self.row.again, self.since)

    def close(self):
        for peer in self.peers:
            peer.close()


def run(row, server):
    """(transcript, None) or (None or a transcript so far, what went wrong)."""
    trial = Trial(row, server)
    try:
        row.run(trial)
        return trial.finish(), None
    except Failure as failure:
        return trial.finish(), str(failure)
    except Exception as problem:
        return trial.finish(), f"{type(problem).__name__}: {problem}"
    finally:
        trial.close()


def compare(world, rows, kamailio, ours, at_once=AT_ONCE):
    """Run every row against both servers, several rows at once on each, and say what differs."""
    order = sorted(rows.all, key=lambda r: -r.seconds)
    with ThreadPoolExecutor(at_once) as first, ThreadPoolExecutor(at_once) as second:
        seen = {row.number: first.submit(run, row, kamailio) for row in order}
        got = {row.number: second.submit(run, row, ours) for row in order} if ours else {}
    problems = {}
    for row in rows.all:
        found = judge(world, row, seen[row.number].result(), got[row.number].result() if ours else None)
        if found:
            problems[row.number] = f"row {row.number} ({row.title})\n{found}"
    world.note(f"{len(rows.all)} rows" + ("" if ours else ", Kamailio alone"))
    if problems:
        numbers = ", ".join(str(number) for number in problems)
        raise Failure(f"{len(problems)} of {len(rows.all)} rows differ: {numbers}\n" + "\n".join(problems.values()))


def judge(world, row, reference, ours):
    """What is wrong with a row, or an empty text."""
    seen, problem = reference
    keep(world, row, "kamailio", seen)
    if problem is None:
        problem = checked(row.kamailio, seen)
    if problem is not None:
        return f"Kamailio itself: {problem}\n{seen}"
    if ours is None:
        return ""
    got, problem = ours
    keep(world, row, "strowger", got)
    check = row.ours and (row.kamailio if world.stand_in else row.ours)
    if check is None:
        difference = seen.difference(got)
        return "\n".join(filter(None, [problem, difference]))
    problem = problem or checked(check, got)
    return f"{problem}\n{got}" if problem else ""


def checked(check, seen):
    try:
        if check is not None:
            check(seen)
    except Failure as failure:
        return str(failure)
    return None


def keep(world, row, name, seen):
    if world.transcripts:
        os.makedirs(world.transcripts, exist_ok=True)
        path = os.path.join(world.transcripts, f"{world.name}-{row.number:02}-{name}.txt")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"{row.number}: {row.title}\n{seen}")


# --- checks ---------------------------------------------------------------------------------------------------


def finals(label, *wanted):
    """A check: these final responses (status and reason) reached `label`, in this order."""
    def check(seen):
        got = seen.finals(label)
        if got != list(wanted):
            raise Failure(f"{label} got {got}, not {list(wanted)}")
    return check


def one_final(label, *statuses):
    """A check: one final response, with one of these status codes."""
    def check(seen):
        got = seen.finals(label)
        if len(got) != 1 or int(got[0][:3]) not in statuses:
            raise Failure(f"{label} got {got}, not one of {statuses}")
    return check


def nothing(label):
    """A check: no message reached `label`."""
    def check(seen):
        if seen.at(label):
            raise Failure(f"{label} got {seen.starts(label)}")
    return check


def starts(label, *wanted):
    """A check: these responses (status and reason) and requests (method) reached `label`, in this order."""
    def check(seen):
        got = [s[8:] if s.startswith("SIP/2.0 ") else s.split()[0] for s in seen.starts(label)]
        if got != list(wanted):
            raise Failure(f"{label} got {got}, not {list(wanted)}")
    return check


def both(*checks):
    def check(seen):
        for one in checks:
            one(seen)
    return check
