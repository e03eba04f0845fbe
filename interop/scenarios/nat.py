"""Phones that claim private addresses: every request of a call reaches them over the flow they opened."""

from lib import sip
from lib.processes import Failure
from lib.scenario import scenario


def phones(world, server, transport, other=None):
    """alice and bob, registered, with Contacts nobody can reach."""
    alice = world.peer("alice", server, transport=transport, behind="10.11.12.13:5060")
    bob = world.peer("bob", server, transport=other or transport, behind="10.21.22.23:5062")
    alice.register()
    bob.register()
    return alice, bob


def call_with_everything(alice, bob):
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    if "uthorization" in str(incoming.invite):
        raise Failure("the caller's credentials were passed on to the callee")
    incoming.reply(180, "Ringing")
    out.expect(180)
    incoming.reply(200, "OK")
    out.answered()
    incoming.expect_ack()
    out.reinvite(incoming)
    incoming.reinvite(out)
    return out, incoming


def call_both_ways(world, transport, other=None):
    server = world.server()
    alice, bob = phones(world, server, transport, other)
    out, incoming = call_with_everything(alice, bob)
    out.hang_up(incoming)
    out, incoming = call_with_everything(alice, bob)
    incoming.hang_up(out)


@scenario("nat-udp")
def udp(world):
    call_both_ways(world, "udp")


@scenario("nat-tcp")
def tcp(world):
    call_both_ways(world, "tcp")


@scenario("nat-udp-to-tcp")
def mixed(world):
    call_both_ways(world, "udp", "tcp")


@scenario("nat-2kb-invite-udp")
def big_invite(world):
    """DESIGN's rule 8: a stored flow is never left for TCP, however big the request."""
    server = world.server()
    alice, bob = phones(world, server, "udp")
    filler = "".join(f"a=x-filler-{n}:{'z' * 60}\r\n" for n in range(25))
    out = alice.invite(bob.aor, body=sip.sdp(extra=filler))
    incoming = bob.incoming()
    size = len(incoming.invite.encode())
    if size < 2000:
        raise Failure(f"the INVITE that arrived has only {size} octets")
    if incoming.invite.body != out.invite.body:
        raise Failure("the body that arrived differs from the one sent")
    incoming.reply(200, "OK")
    out.answered()
    incoming.expect_ack()
    out.hang_up(incoming)
    world.note(f"{size} octets arrived")
