"""Real phones register and call each other; each must record the other's tone."""

from lib.baresip import Baresip
from lib.linphone import Linphonec
from lib.processes import Failure, wait_until
from lib.scenario import scenario

CALLER_TONE, CALLEE_TONE = 440, 880
HEARD_SECONDS = 1.5


def must_hear(world, phone, hertz, seconds=HEARD_SECONDS):
    heard = phone.heard(hertz)
    if heard < seconds:
        raise Failure(f"{phone.user} heard {hertz} Hz for only {heard:.1f} s")
    world.note(f"{phone.user} heard {hertz} Hz for {heard:.1f} s")


def baresip_pair(world, transport, ipv6=False):
    server = world.server(ipv6=ipv6)
    bob = Baresip(world, server, "bob", CALLEE_TONE, transport, ipv6, seconds=4)
    bob.registered()
    alice = Baresip(world, server, "alice", CALLER_TONE, transport, ipv6, seconds=4, dial="bob")
    alice.established()
    bob.established()
    alice.ended()
    bob.ended()
    must_hear(world, alice, CALLEE_TONE)
    must_hear(world, bob, CALLER_TONE)


@scenario("phones-baresip-udp", seconds=40)
def udp(world):
    baresip_pair(world, "udp")


@scenario("phones-baresip-tcp", seconds=40)
def tcp(world):
    baresip_pair(world, "tcp")


@scenario("phones-baresip-udp-ipv6", seconds=40)
def udp_ipv6(world):
    baresip_pair(world, "udp", ipv6=True)


@scenario("phones-baresip-tcp-ipv6", seconds=40)
def tcp_ipv6(world):
    baresip_pair(world, "tcp", ipv6=True)


@scenario("phones-baresip-linphonec", seconds=45)
def linphone(world):
    server = world.server()
    bob = Linphonec(world, server, "bob", CALLEE_TONE)
    bob.registered()
    alice = Baresip(world, server, "alice", CALLER_TONE, seconds=6, dial="bob")
    alice.established()
    bob.connected()
    alice.ended()
    bob.quit()
    must_hear(world, alice, CALLEE_TONE)
    must_hear(world, bob, CALLER_TONE, 0.8)
