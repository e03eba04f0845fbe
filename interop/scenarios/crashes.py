"""kill -9 under REGISTER load: nothing acknowledged is lost, and the server is back at once."""

import random
import time

from lib.load import RegisterLoad
from lib.processes import Failure
from lib.scenario import scenario

CRASHES = 20
BACK_SECONDS_MAX = 2.0


@scenario("kill-9-under-register-load", seconds=180, stand_in=False)
def kill_under_load(world):
    names = [f"u{n}" for n in range(60)]
    server = world.server(users=names, limits={"trusted_sources": ["127.0.0.0/8"]})
    load = RegisterLoad(server, names)
    chance = random.Random(2)
    slowest = 0.0
    for number in range(CRASHES):
        load.run(0.25 + chance.random() * 0.35)
        server.crash()
        crashed = time.monotonic()
        load.drain()
        server.launch()
        server.ready(10)
        back = time.monotonic() - crashed
        slowest = max(slowest, back)
        if back > BACK_SECONDS_MAX:
            raise Failure(f"after crash {number + 1} the server answered only after {back:.2f} s")
        listed = load.bindings()
        for account in load.accounts.values():
            have = listed.get(account.name)
            # What was in flight when the server ended may have been kept, but was not acknowledged.
            if have not in ([account.acknowledged], [account.asked], [] if account.acknowledged == 0 else None):
                raise Failure(f"after crash {number + 1} {account.name} has the bindings {have}; "
                              f"{account.acknowledged} was acknowledged, {account.asked} in flight")
            account.acknowledged = have[0] if have else 0
            account.asked = max(account.asked, account.acknowledged)
    load.close()
    if load.refusals:
        raise Failure(f"{len(load.refusals)} refusals under load, first: {load.refusals[0]}")
    if load.total < CRASHES * 50:
        raise Failure(f"only {load.total} registrations in all: no load")
    world.note(f"{load.total} acknowledged over {CRASHES} crashes, back after at most {slowest * 1000:.0f} ms")


@scenario("kill-9-keeps-registrations", stand_in=False)
def kill_keeps(world):
    """A registered UDP phone is reachable after a crash; a TCP phone's lost flow is refused at once."""
    server = world.server()
    alice = world.peer("alice", server)
    bob = world.peer("bob", server, behind="10.1.1.1:5060")
    bob.register()
    server.crash()
    server.start()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    incoming.reply(200, "OK")
    out.answered()
    incoming.expect_ack()
    out.hang_up(incoming)


@scenario("kill-9-tcp-flow-lost", stand_in=False)
def kill_tcp(world):
    server = world.server()
    bob = world.peer("bob", server, transport="tcp", behind="10.1.1.1:5060")
    bob.register()
    server.crash()
    server.start()
    alice = world.peer("alice", server)
    began = time.monotonic()
    final = alice.invite(bob.aor).expect_final(range(400, 600), 5)
    took = time.monotonic() - began
    if took > 1.5:
        raise Failure(f"{final.start} only after {took:.1f} s: was the private address dialled?")
    world.note(f"{final.status} after {took * 1000:.0f} ms")
    again = world.peer("bob", server, transport="tcp", behind="10.1.1.1:5060")
    again.register()
    out = alice.invite(bob.aor)
    incoming = again.incoming()
    incoming.reply(200, "OK")
    out.answered()
    incoming.expect_ack()
    out.hang_up(incoming)


@scenario("kill-9-during-call", stand_in=False)
def kill_call(world):
    """A call that was set up before the crash can be ended after it: the route token outlives the process."""
    server = world.server()
    alice = world.peer("alice", server, behind="10.2.2.2:5060")
    bob = world.peer("bob", server, behind="10.1.1.1:5060")
    bob.register()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    incoming.reply(200, "OK")
    out.answered()
    incoming.expect_ack()
    server.crash()
    server.start()
    out.hang_up(incoming)
