"""Requests inside a call: the route token opens the way, a forged one does not, a dead flow is told at once."""

import time

from lib.processes import Failure
from lib.scenario import scenario


def set_up(world, **options):
    server = world.server()
    alice = world.peer("alice", server, behind="10.3.3.3:5060", **options)
    bob = world.peer("bob", server, behind="10.4.4.4:5060", **options)
    bob.register()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    incoming.reply(200, "OK")
    out.answered()
    incoming.expect_ack()
    return server, out, incoming


@scenario("dialog-forged-token", stand_in=False)
def forged(world):
    """A token with one character changed, or none at all: treated as a new request, so challenged; bob hears nothing."""
    _server, out, incoming = set_up(world)
    true_routes = out.routes
    if not true_routes:
        raise Failure("the 200 has no Record-Route")
    user = true_routes[0].split("sip:")[1].split("@")[0]
    for position in (0, len(user) // 2, len(user) - 1):
        changed = user[:position] + ("a" if user[position] != "a" else "b") + user[position + 1:]
        out.routes = [true_routes[0].replace(user, changed)] + true_routes[1:]
        status = out.bye().status
        if status not in (401, 403, 404, 407, 481):
            raise Failure(f"a forged token got {status}")
    out.routes = []
    if out.bye().status not in (403, 407, 481):
        raise Failure("a BYE without Route was not challenged")
    incoming.peer.expect_nothing(lambda m: m.method == "BYE", 0.2, "the token was forged")
    out.routes = true_routes
    out.hang_up(incoming)


@scenario("dialog-stranger-with-token", stand_in=False)
def stolen(world):
    """The token works from another address too: a phone whose NAT gave it a new port can still hang up."""
    server, out, incoming = set_up(world)
    moved = world.peer("alice", server, behind="10.3.3.3:5060")
    out.peer = moved
    out.hang_up(incoming)


@scenario("dialog-dead-tcp-flow", stand_in=False)
def dead_flow(world):
    """The callee's connection is gone: the caller's BYE is answered at once, no private address is dialled."""
    _server, out, incoming = set_up(world, transport="tcp")
    incoming.peer.close()
    time.sleep(0.1)
    began = time.monotonic()
    final = out.bye()
    if final.status < 400 or time.monotonic() - began > 1.5:
        raise Failure(f"{final.start} after {time.monotonic() - began:.1f} s")
    world.note(f"{final.status}")


@scenario("dialog-info-and-update")
def other_methods(world):
    """INFO and UPDATE pass in both directions without a challenge."""
    _server, out, incoming = set_up(world)
    for sender, receiver in ((out, incoming), (incoming, out)):
        for method in ("INFO", "UPDATE"):
            request = sender.request(method)
            sender.peer.send(request)
            receiver.peer.reply(receiver.peer.expect_request(method), 200)
            final = sender.peer.expect_response(request, range(200, 700))
            if final.status != 200:
                raise Failure(f"{method} got {final.start}")
    out.hang_up(incoming)


@scenario("dialog-2xx-retransmitted")
def retransmitted_2xx(world):
    """Each 200 the callee sends again reaches the caller again (RFC 6026): it may have lost its ACK."""
    server = world.server()
    alice, bob = world.peer("alice", server), world.peer("bob", server)
    bob.register()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    answer = incoming.reply(200, "OK")
    out.answered()
    incoming.expect_ack()
    before = alice.arrived
    for _ in range(3):
        bob.send(answer, incoming.invite.source)
        time.sleep(0.05)
    time.sleep(0.1)
    if alice.arrived - before != 3:
        raise Failure(f"{alice.arrived - before} of 3 retransmissions arrived")
    out.hang_up(incoming)
