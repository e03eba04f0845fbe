"""Phones behind an address translator, and the guard against floods (which 127.0.0.1 is exempt from)."""

import time

from lib.processes import Failure
from lib.trial import both, finals, starts

from . import EXAMPLE as rows


@rows.row(52, "REGISTER with a private Contact, then an INVITE", kamailio=both(
    finals("bob", "401 Unauthorized", "200 OK"), starts("bob", "401 Unauthorized", "200 OK", "INVITE", "ACK")))
def private_contact(t):
    bob = t.peer("bob", address="127.0.0.52")
    bob.contact = "<sip:bob52@10.0.0.5:5060>"
    zoe = t.stranger()
    bob.register(expires=60)
    out = zoe.invite(bob.aor, authorize=False)
    incoming = bob.incoming()
    bob.reply(incoming.invite, 486, "Busy Here")
    out.expect_final(486)
    incoming.expect_ack()


@rows.row(61, "REGISTER and INVITE with a private Via as well", kamailio=both(
    starts("bob", "401 Unauthorized", "200 OK", "INVITE"), finals("zoe", "200 OK")))
def private_via(t):
    bob = t.peer("bob", address="127.0.0.61", behind="10.0.0.61:5060")
    zoe = t.stranger(address="127.0.0.62", behind="192.168.0.62:5060")
    bob.register(expires=60)
    out = zoe.invite(bob.aor, authorize=False)
    bob.incoming().reply(200, "OK")
    # No ACK: without a media relay the script leaves bob's Contact as it is, and the ACK would leave this machine.
    out.expect(200)


@rows.row(53, "INVITE with a private Contact, BYE to its alias", kamailio=both(
    starts("zoe", "100 trying -- your call is important to us", "200 OK", "BYE"), starts("bob", "INVITE", "ACK", "200 Answer")))
def alias(t):
    zoe, bob = t.stranger(address="127.0.0.53"), t.bob()
    zoe.contact = "<sip:z@10.0.0.5:5060>"
    t.mark()
    out, incoming = answered(zoe, bob)
    incoming.hang_up(out)


def answered(caller, callee):
    out = caller.invite(callee.aor, authorize=False)
    incoming = callee.incoming()
    incoming.reply(200, "OK")
    out.answered()
    incoming.expect_ack()
    return out, incoming


FLOOD = 60


def banned(seen):
    got = len(seen.at("zoe"))
    if not 12 <= got <= 40 or set(seen.starts("zoe")) != {"SIP/2.0 200 Keepalive"}:
        raise Failure(f"of {FLOOD} OPTIONS {got} were answered, with {sorted(set(seen.starts('zoe')))}")


@rows.row(54, "a flood from one address is cut off and banned", kamailio=banned, ours=banned)
def flood(t):
    zoe = t.stranger(address="127.0.0.54")
    for _ in range(FLOOD):
        zoe.send(zoe.request("OPTIONS", "sip:kam.test"))
        time.sleep(0.005)
    t.quiet()
    before = zoe.arrived
    late = t.stranger("late", address="127.0.0.54")
    for _ in range(3):
        time.sleep(1.5)
        late.send(late.request("OPTIONS", "sip:kam.test"))
    t.quiet()
    if zoe.arrived != before or late.arrived:
        raise Failure("an answer went to a banned address")
