"""Next hops that do not answer, refuse, cannot be found or lead back."""

import socket

from lib import sip
from lib.processes import Failure
from lib.trial import both, finals, starts

from . import EXAMPLE as rows

# A label of more than 63 octets exists nowhere, and no resolver has to be asked.
NOWHERE = "x" * 70 + ".test"
SORRY = "500 I'm terribly sorry, server error occurred (1/SL)"


def quickly(label, *statuses, seconds=5):
    """A check of ours: one final response with one of these codes, at once."""
    def check(seen):
        got = [(e.status, e.again) for e in seen.at(label) if (e.status or 0) >= 200]
        if len(got) != 1 or got[0][0] not in statuses:
            raise Failure(f"{label} got {seen.finals(label)}, not one of {statuses}")
        took = next(e.at for e in seen.at(label) if (e.status or 0) >= 200) - seen.began
        if took > seconds:
            raise Failure(f"the final response came after {took:.1f} s")
    return check


def after(label, seconds):
    """A check: the last message to `label` came this long after the row began."""
    def check(seen):
        if seen.at(label) and abs(seen.at(label)[-1].at - seen.began - seconds) < 1:
            return
        raise Failure(f"the last message to {label} did not come after {seconds} s")
    return check


@rows.row(35, "from a user to a host that does not exist", again="times",
          kamailio=starts("alice", "100 trying -- your call is important to us", SORRY, "478 Unresolvable destination (478/TM)"),
          ours=quickly("alice", 404, 478, 480, 502, 503))
def unresolvable(t):
    alice = t.alice()
    request = alice.request("INVITE", f"sip:x@{NOWHERE}", contact=alice.contact, body=sip.sdp())
    request = alice.authorized(request, alice.transact(request, authorize=False))
    t.mark()
    alice.send(request)
    t.quiet(2)
    for final in take_finals(alice, request):
        alice.acknowledge(request, final)


def take_finals(peer, request):
    found = []
    while True:
        final = peer.take(lambda m: m.is_response and m.branch == request.branch and m.status >= 200)
        if final is None:
            return found
        found.append(final)


@rows.row(38, "a contact that is the proxy itself", kamailio=finals("zoe", "483 Too Many Hops"),
          ours=finals("zoe", "482 Loop Detected"))
def spiral(t):
    bob, zoe = t.peer("bob"), t.stranger()
    bob.register(contact=f"<sip:{bob.name}@{t.server.host_port}>")
    t.mark()
    zoe.invite(bob.aor, authorize=False).expect_final(range(300, 700))


def silent_callee(method):
    def run(t):
        zoe = t.stranger()
        bob = t.bob()
        t.mark()
        request = zoe.request(method, bob.aor, contact=zoe.contact if method == "INVITE" else None)
        zoe.send(request)
        final = zoe.expect_response(request, range(200, 700), 34)
        if method == "INVITE":
            zoe.acknowledge(request, final)
    return run


for number, method in ((39, "INVITE"), (62, "MESSAGE")):
    rows.row(number, f"{method}, and the callee is silent", again="times", seconds=36,
             kamailio=both(finals("zoe", "408 Request Timeout"), after("zoe", 30)))(silent_callee(method))


@rows.row(40, "the contact's UDP port is closed", seconds=36,
          kamailio=both(finals("zoe", "408 Request Timeout"), after("zoe", 30)),
          ours=quickly("zoe", 408, 410, 430, 480, 500, 502, 503))
def closed_port(t):
    zoe, bob = t.stranger(), t.peer("bob")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    bob.register(contact=f"<sip:{bob.name}@127.0.0.1:{port}>")
    t.mark()
    zoe.invite(bob.aor, authorize=False).expect_final(range(300, 700), 34)


@rows.row(41, "the contact's TCP port refuses", again="times",
          kamailio=starts("zoe", "100 trying -- your call is important to us", SORRY,
                          "477 Unfortunately error on sending to next hop occurred (477/TM)"),
          ours=quickly("zoe", 408, 410, 430, 477, 480, 500, 502, 503))
def refused(t):
    zoe, bob = t.stranger(), t.peer("bob")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    bob.register(contact=f"<sip:{bob.name}@127.0.0.1:{port};transport=tcp>")
    t.mark()
    request = zoe.request("INVITE", bob.aor, contact=zoe.contact, body=sip.sdp())
    zoe.send(request)
    t.quiet(2)
    for final in take_finals(zoe, request):
        zoe.acknowledge(request, final)
