"""sipp: register, call, CANCEL, busy, no answer, with digest at every step."""

from lib.scenario import scenario
from lib.sipp import Sipp

CALLS = 5


def pair(world, transport="u1", ipv6=False, **settings):
    server = world.server(ipv6=ipv6, **settings)
    bob = Sipp(world, server, "bob", "u1", ipv6)
    alice = Sipp(world, server, "alice", transport, ipv6)
    bob.run("register")
    return alice, bob


def both(alice, bob, caller, callee, calls=CALLS):
    waiting = bob.start(callee, calls=calls)
    alice.run(caller, calls=calls)
    bob.finish(waiting)


@scenario("sipp-register", seconds=40)
def register(world):
    for transport, ipv6, user in (("u1", False, "alice"), ("t1", False, "alice"), ("u1", True, "bob"), ("t1", True, "bob")):
        server = world.server(ipv6=ipv6, name=f"server-{transport}-{'6' if ipv6 else '4'}")
        phone = Sipp(world, server, user, transport, ipv6)
        phone.run("register", calls=3)
        phone.run("unregister")


@scenario("sipp-call-udp")
def call_udp(world):
    both(*pair(world), "call_uac", "call_uas")


@scenario("sipp-call-tcp")
def call_tcp(world):
    both(*pair(world, "t1"), "call_uac", "call_uas")


@scenario("sipp-call-udp-ipv6")
def call_udp_ipv6(world):
    both(*pair(world, "u1", ipv6=True), "call_uac", "call_uas")


@scenario("sipp-call-tcp-ipv6")
def call_tcp_ipv6(world):
    both(*pair(world, "t1", ipv6=True), "call_uac", "call_uas")


@scenario("sipp-cancel")
def cancel(world):
    both(*pair(world), "cancel_uac", "ringing_uas")


@scenario("sipp-busy")
def busy(world):
    both(*pair(world), "busy_uac", "busy_uas")


@scenario("sipp-no-answer", stand_in=False)
def no_answer(world):
    both(*pair(world, proxy={"ring_seconds_max": 2}), "no_answer_uac", "ringing_uas", calls=3)
